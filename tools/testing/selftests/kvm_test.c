// SPDX-License-Identifier: GPL-2.0-only
/*
 * A KVM guest in the mapped memory, without a VMM: the mapping is a memory
 * slot, and the only vCPU stores a word every few MiB, reads it back, and ends
 * with a store outside of all slots.
 *
 * Unlike stock vfio-pci, this is a slot of memory without struct pages that is
 * mapped cacheable: on arm64, the first access fails if the processor lacks FWB
 * or DIC.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "harness.h"
#include "lib/array.h"
#include "lib/device.h"
#include "lib/host.h"
#include "lib/vfio.h"

/* The guest's physical addresses, aligned for all page sizes, below 4 GiB */
#define CODE_BASE	0x10000UL
#define EXIT_ADDRESS	0x20000000UL
#define MEM_BASE	0x40000000UL
#define STEP		(2UL << 20)
/* The part of the guest's 4 GiB that the program does not use */
#define MAX_SIZE	(1UL << 30)

enum slot { CODE_SLOT, MEM_SLOT };

struct guest {
	int kvm;
	int vm;
	int vcpu;
	struct kvm_run *run;
	size_t run_size;
	void *code;
	size_t code_size;
};

/*
 * The program: from BASE on, every STEP bytes, COUNT times, store VALUE, load
 * it and add 1 to it; then store the last value loaded at EXIT.
 */
#if defined(__aarch64__)
/* x0 BASE, x1 STEP, x2 COUNT, x3 VALUE, x4 EXIT; MMU off, so physical */
static const uint32_t program[] = {
	0xb9000003,	/* 1:	str	w3, [x0]	*/
	0xb9400005,	/*	ldr	w5, [x0]	*/
	0x8b010000,	/*	add	x0, x0, x1	*/
	0x11000463,	/*	add	w3, w3, #1	*/
	0xd1000442,	/*	sub	x2, x2, #1	*/
	0xb5ffff62,	/*	cbnz	x2, 1b		*/
	0xb9000085,	/*	str	w5, [x4]	*/
	0x14000000,	/*	b	.		*/
};

static int guest_init_vcpu(struct guest *guest)
{
	struct kvm_vcpu_init init;

	if (ioctl(guest->vm, KVM_ARM_PREFERRED_TARGET, &init))
		return -errno;

	return ioctl(guest->vcpu, KVM_ARM_VCPU_INIT, &init) ? -errno : 0;
}

static int set_reg(struct guest *guest, size_t offset, uint64_t val)
{
	struct kvm_one_reg reg = {
		.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
		      offset / sizeof(uint32_t),
		.addr = (uintptr_t)&val,
	};

	return ioctl(guest->vcpu, KVM_SET_ONE_REG, &reg) ? -errno : 0;
}

static int guest_start(struct guest *guest, uint32_t value, uint64_t count)
{
	const uint64_t regs[] = { MEM_BASE, STEP, count, value, EXIT_ADDRESS };
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(regs) && !ret; i++)
		ret = set_reg(guest, offsetof(struct kvm_regs, regs.regs[i]),
			      regs[i]);

	return ret ? ret : set_reg(guest, offsetof(struct kvm_regs, regs.pc),
				   CODE_BASE);
}
#elif defined(__x86_64__)
/* edi BASE, esi STEP, ecx COUNT, eax VALUE, ebx EXIT; 32 bits, no paging */
static const uint8_t program[] = {
	0x89, 0x07,	/* 1:	mov	%eax, (%edi)	*/
	0x8b, 0x17,	/*	mov	(%edi), %edx	*/
	0x01, 0xf7,	/*	add	%esi, %edi	*/
	0x40,		/*	inc	%eax		*/
	0x49,		/*	dec	%ecx		*/
	0x75, 0xf6,	/*	jnz	1b		*/
	0x89, 0x13,	/*	mov	%edx, (%ebx)	*/
	0xf4,		/*	hlt			*/
};

static int guest_init_vcpu(struct guest *guest)
{
	struct kvm_segment flat = {
		.limit = ~0U,
		.selector = 8,
		.type = 3,	/* read, write, accessed */
		.present = 1,
		.db = 1,
		.s = 1,
		.g = 1,
	};
	struct kvm_sregs sregs;

	if (ioctl(guest->vcpu, KVM_GET_SREGS, &sregs))
		return -errno;
	sregs.cr0 |= 1;		/* protected mode */
	sregs.ds = flat;
	sregs.es = flat;
	sregs.ss = flat;
	flat.type = 11;		/* execute, read, accessed */
	sregs.cs = flat;

	return ioctl(guest->vcpu, KVM_SET_SREGS, &sregs) ? -errno : 0;
}

static int guest_start(struct guest *guest, uint32_t value, uint64_t count)
{
	const struct kvm_regs regs = {
		.rip = CODE_BASE,
		.rflags = 2,	/* always set */
		.rdi = MEM_BASE,
		.rsi = STEP,
		.rcx = count,
		.rax = value,
		.rbx = EXIT_ADDRESS,
	};

	return ioctl(guest->vcpu, KVM_SET_REGS, &regs) ? -errno : 0;
}
#endif

/* @size 0 removes the slot */
static int guest_slot(struct guest *guest, enum slot slot, uint64_t base,
		      void *at, size_t size)
{
	const struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = base,
		.memory_size = size,
		.userspace_addr = (uintptr_t)at,
	};

	return ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &region) ?
	       -errno : 0;
}

static void guest_close(struct guest *guest)
{
	if (guest->run != MAP_FAILED)
		munmap(guest->run, guest->run_size);
	if (guest->vcpu >= 0)
		close(guest->vcpu);
	if (guest->vm >= 0)
		close(guest->vm);
	if (guest->code != MAP_FAILED)
		munmap(guest->code, guest->code_size);
	if (guest->kvm >= 0)
		close(guest->kvm);
}

static int guest_open(struct guest *guest)
{
	int size, ret;

	*guest = (struct guest){
		.kvm = -1, .vm = -1, .vcpu = -1,
		.run = MAP_FAILED, .code = MAP_FAILED,
		.code_size = sysconf(_SC_PAGESIZE),
	};
	guest->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (guest->kvm < 0)
		return -errno;
	guest->vm = ioctl(guest->kvm, KVM_CREATE_VM, 0);
	if (guest->vm < 0)
		goto err_errno;
	guest->code = mmap(NULL, guest->code_size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guest->code == MAP_FAILED)
		goto err_errno;
	memcpy(guest->code, program, sizeof(program));
	__builtin___clear_cache(guest->code,
				(char *)guest->code + sizeof(program));
	ret = guest_slot(guest, CODE_SLOT, CODE_BASE, guest->code,
			 guest->code_size);
	if (ret)
		goto err;

	size = ioctl(guest->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < 0)
		goto err_errno;
	guest->run_size = size;
	guest->vcpu = ioctl(guest->vm, KVM_CREATE_VCPU, 0);
	if (guest->vcpu < 0)
		goto err_errno;
	guest->run = mmap(NULL, guest->run_size, PROT_READ | PROT_WRITE,
			  MAP_SHARED, guest->vcpu, 0);
	if (guest->run == MAP_FAILED)
		goto err_errno;
	ret = guest_init_vcpu(guest);
	if (ret)
		goto err;

	return 0;

err_errno:
	ret = -errno;
err:
	guest_close(guest);
	return ret;
}

/*
 * KVM completes a store that ended the program only in the next KVM_RUN, which
 * advances the program counter: do that now.
 */
static int guest_finish(struct guest *guest)
{
	int ret;

	guest->run->immediate_exit = 1;
	ret = ioctl(guest->vcpu, KVM_RUN, 0) ? -errno : 0;
	guest->run->immediate_exit = 0;

	return ret == -EINTR ? 0 : -EPROTO;
}

/*
 * Run the program; the last value that it loaded is in @last.  -EFAULT if it
 * ended with a store to an address other than EXIT_ADDRESS.
 */
static int guest_run(struct guest *guest, uint32_t value, uint64_t count,
		     uint32_t *last)
{
	uint64_t address;
	int ret;

	ret = guest_start(guest, value, count);
	if (ret)
		return ret;
	do {
		ret = ioctl(guest->vcpu, KVM_RUN, 0);
	} while (ret && errno == EINTR);
	if (ret)
		return -errno;
	if (guest->run->exit_reason != KVM_EXIT_MMIO ||
	    !guest->run->mmio.is_write ||
	    guest->run->mmio.len != sizeof(*last))
		return -EPROTO;
	memcpy(last, guest->run->mmio.data, sizeof(*last));
	address = guest->run->mmio.phys_addr;
	ret = guest_finish(guest);
	if (ret)
		return ret;

	return address == EXIT_ADDRESS ? 0 : -EFAULT;
}

FIXTURE(kvm) {
	struct test_device test;
	struct guest guest;
	uint64_t size;
	uint64_t count;
	uint8_t *map;
};

INTERFACE_VARIANTS(kvm);

FIXTURE_SETUP(kvm)
{
	if (!vfio_has(variant->interface))
		SKIP(return, NO_IOMMUFD);
	if (access("/dev/kvm", F_OK))
		SKIP(return, "the machine has no KVM");
	ASSERT_EQ(0, test_open(&self->test, 0, variant->interface));
	self->size = self->test.vfio.mem.size;
	if (self->size > MAX_SIZE)
		self->size = MAX_SIZE;
	self->count = self->size / STEP;
	self->map = guest_map(&self->test.vfio, 0, self->size,
			      PROT_READ | PROT_WRITE, STEP, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	ASSERT_EQ(0, guest_open(&self->guest));
	ASSERT_EQ(0, guest_slot(&self->guest, MEM_SLOT, MEM_BASE, self->map,
				self->size));
}

FIXTURE_TEARDOWN(kvm)
{
	guest_close(&self->guest);
	munmap(self->map, self->size);
	EXPECT_FINE(test_close(&self->test));
}

/* What the guest should have stored, through the mapping and in the file */
static void expect_stored(struct __test_metadata *_metadata,
			  const struct host_device *host, const uint8_t *map,
			  uint32_t value, uint64_t count)
{
	uint64_t i, word;

	for (i = 0; i < count; i++) {
		ASSERT_EQ(value + i,
			  *(volatile const uint32_t *)(map + i * STEP));
		if (!host->file[0])
			continue;
		ASSERT_EQ(0, host_file_word(host, i * STEP, &word));
		ASSERT_EQ(value + i, (uint32_t)word);
	}
}

TEST_F(kvm, guest_stores)
{
	const uint32_t value = 0x6b766d01;
	uint32_t last;

	ASSERT_EQ(0, guest_run(&self->guest, value, self->count, &last))
		TH_LOG("exit reason %u", self->guest.run->exit_reason);
	EXPECT_EQ(value + self->count - 1, last);
	expect_stored(_metadata, &self->test.host, self->map, value,
		      self->count);
}

/* What a reset removed from the guest's page tables is mapped again */
TEST_F(kvm, guest_stores_after_reset)
{
	const uint32_t value = 0x6b766e01;
	uint32_t last;

	ASSERT_EQ(0, guest_run(&self->guest, 1, self->count, &last));
	ASSERT_EQ(0, ioctl(self->test.vfio.device, VFIO_DEVICE_RESET));
	expect_stored(_metadata, &self->test.host, self->map, 1, self->count);
	ASSERT_EQ(0, guest_run(&self->guest, value, self->count, &last))
		TH_LOG("exit reason %u", self->guest.run->exit_reason);
	EXPECT_EQ(value + self->count - 1, last);
	expect_stored(_metadata, &self->test.host, self->map, value,
		      self->count);
}

/* The slot may be removed and added while the guest is stopped */
TEST_F(kvm, slot_comes_and_goes)
{
	uint32_t last;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, guest_run(&self->guest, i << 16, self->count,
				       &last));
		expect_stored(_metadata, &self->test.host, self->map, i << 16,
			      self->count);
		ASSERT_EQ(0, guest_slot(&self->guest, MEM_SLOT, MEM_BASE,
					self->map, 0));
		/* No slot: the very first store is the exit */
		EXPECT_EQ(-EFAULT, guest_run(&self->guest, 0, 1, &last));
		ASSERT_EQ(0, guest_slot(&self->guest, MEM_SLOT, MEM_BASE,
					self->map, self->size));
	}
}

TEST_HARNESS_MAIN
