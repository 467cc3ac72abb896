/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of the kernel's <kunit/test.h> that the suites use, in user space
 */
#ifndef KUNIT_USER_TEST_H
#define KUNIT_USER_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <linux/kernel.h>
#include <linux/types.h>

#define KUNIT_PARAM_DESC_SIZE	128
/* Allocations of one case */
#define KUNIT_USER_MEMORY	8

struct kunit;

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
	const void *(*generate_params)(struct kunit *test, const void *prev,
				       char *desc);
};

struct kunit_suite {
	const char *name;
	int (*suite_init)(struct kunit_suite *suite);
	void (*suite_exit)(struct kunit_suite *suite);
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
};

struct kunit {
	void *priv;
	const void *param_value;
	/* private: */
	const char *name;
	bool failed;
	jmp_buf abort;
	void *memory[KUNIT_USER_MEMORY];
	unsigned int nr_memory;
};

void kunit_user_add(struct kunit_suite **suites, unsigned int nr);
void kunit_user_param(const char *name, const char *type, void *val,
		      unsigned int permissions);
void kunit_user_fail(struct kunit *test, bool abort, const char *file, int line,
		     const char *what);
void kunit_user_note(const char *format, ...);
void *kunit_user_zalloc(struct kunit *test, size_t size);
const void *kunit_user_next(const void *array, size_t nr, size_t size,
			    size_t name, const void *prev, char *desc);

#ifndef GFP_KERNEL
#define GFP_KERNEL	0
#endif

#define kunit_kzalloc(test, size, gfp) \
	((void)(gfp), kunit_user_zalloc(test, size))

#define kunit_info(test, format, ...) \
	kunit_user_note("%s: " format, (test)->name, ##__VA_ARGS__)

#define KUNIT_CASE(function)	{ .run_case = function, .name = #function }
#define KUNIT_CASE_PARAM(function, params) \
	{ .run_case = function, .name = #function, .generate_params = params }

#define KUNIT_ARRAY_PARAM_DESC(prefix, array, member)			\
	static const void *prefix##_gen_params(struct kunit *test,	\
					       const void *prev, char *desc) \
	{								\
		__auto_type all = &(array);				\
									\
		return kunit_user_next(all, ARRAY_SIZE(*all),		\
				       sizeof((*all)[0]),		\
				       offsetof(typeof((*all)[0]), member), \
				       prev, desc);			\
	}

#define kunit_test_suites(...)						\
	__attribute__((constructor)) static void kunit_user_suites(void) \
	{								\
		static struct kunit_suite *suites[] = { __VA_ARGS__ };	\
									\
		kunit_user_add(suites, ARRAY_SIZE(suites));		\
	}

/* Common part of all checks: @format and its arguments may be missing */
#define KUNIT_USER_CHECK(test, ok, abort, what, ...) do {		\
	if (!(ok)) {							\
		kunit_user_note("" __VA_ARGS__);			\
		kunit_user_fail(test, abort, __FILE__, __LINE__, what);	\
	}								\
} while (0)

#define KUNIT_USER_BINARY(test, abort, left, op, right, ...) do {	\
	typeof(left) __left = (left);					\
	typeof(right) __right = (right);				\
	bool __ok = __left op __right;					\
									\
	if (!__ok)							\
		kunit_user_note("%s == 0x%llx, %s == 0x%llx",		\
				#left, (unsigned long long)__left,	\
				#right, (unsigned long long)__right);	\
	KUNIT_USER_CHECK(test, __ok, abort, #left " " #op " " #right,	\
			 ##__VA_ARGS__);				\
} while (0)

#define KUNIT_USER_MEMEQ(test, abort, left, right, size, ...)		\
	KUNIT_USER_CHECK(test, !memcmp(left, right, size), abort,	\
			 #left " same as " #right, ##__VA_ARGS__)

#define KUNIT_EXPECT_TRUE(test, condition) \
	KUNIT_USER_CHECK(test, condition, false, #condition)
#define KUNIT_EXPECT_FALSE(test, condition) \
	KUNIT_USER_CHECK(test, !(condition), false, "!" #condition)
#define KUNIT_EXPECT_EQ(test, left, right) \
	KUNIT_USER_BINARY(test, false, left, ==, right)
#define KUNIT_EXPECT_NE(test, left, right) \
	KUNIT_USER_BINARY(test, false, left, !=, right)
#define KUNIT_EXPECT_GT(test, left, right) \
	KUNIT_USER_BINARY(test, false, left, >, right)
#define KUNIT_EXPECT_MEMEQ(test, left, right, size) \
	KUNIT_USER_MEMEQ(test, false, left, right, size)

#define KUNIT_ASSERT_NOT_NULL(test, pointer) \
	KUNIT_USER_CHECK(test, pointer, true, #pointer)
#define KUNIT_ASSERT_NULL_MSG(test, pointer, format, ...) \
	KUNIT_USER_CHECK(test, !(pointer), true, "!" #pointer, format,	\
			 ##__VA_ARGS__)
#define KUNIT_ASSERT_EQ(test, left, right) \
	KUNIT_USER_BINARY(test, true, left, ==, right)
#define KUNIT_ASSERT_LT(test, left, right) \
	KUNIT_USER_BINARY(test, true, left, <, right)
#define KUNIT_ASSERT_EQ_MSG(test, left, right, format, ...) \
	KUNIT_USER_BINARY(test, true, left, ==, right, format, ##__VA_ARGS__)
#define KUNIT_ASSERT_NE_MSG(test, left, right, format, ...) \
	KUNIT_USER_BINARY(test, true, left, !=, right, format, ##__VA_ARGS__)
#define KUNIT_ASSERT_MEMEQ_MSG(test, left, right, size, format, ...) \
	KUNIT_USER_MEMEQ(test, true, left, right, size, format, ##__VA_ARGS__)

#endif /* KUNIT_USER_TEST_H */
