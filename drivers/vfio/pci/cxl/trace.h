/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: what the driver does with a device, and unusual faults
 *
 * They contain no host physical addresses: offsets are those in the memory.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vfio_cxl

#if !defined(VFIO_CXL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VFIO_CXL_TRACE_H

#include <linux/mm.h>
#include <linux/tracepoint.h>

#include "private.h"

/* Programs that read binary records cannot resolve enum names */
TRACE_DEFINE_ENUM(VFIO_CXL_SHUT_SWITCH);
TRACE_DEFINE_ENUM(VFIO_CXL_SHUT_RESET);
TRACE_DEFINE_ENUM(VFIO_CXL_SHUT_RECOVERY);
TRACE_DEFINE_ENUM(VFIO_CXL_SHUT_SETTLING);
TRACE_DEFINE_ENUM(VFIO_CXL_SHUT_ERROR);
TRACE_DEFINE_ENUM(VFIO_CXL_SHUT_LOST);
TRACE_DEFINE_ENUM(VFIO_CXL_SHUT_GONE);
TRACE_DEFINE_ENUM(VFIO_CXL_SHUT_ASLEEP);
TRACE_DEFINE_ENUM(VFIO_CXL_SHUT_UNCLEAN);

#define show_reasons(reasons)	VFIO_CXL_SHUT_NAMES(__print_flags, reasons, "|")
#define trace_name(cvdev)	pci_name(vfio_cxl_pdev(cvdev))

DECLARE_EVENT_CLASS(vfio_cxl_result,
		    TP_PROTO(struct vfio_cxl_device *cvdev, int ret),
		    TP_ARGS(cvdev, ret),
		    TP_STRUCT__entry(__string(name, trace_name(cvdev))
				     __field(int, ret)),
		    TP_fast_assign(__assign_str(name);
				   __entry->ret = ret;),
		    TP_printk("%s ret=%d", __get_str(name), __entry->ret)
);

/* The VMM locks the virtual decoder 0, or is refused */
TRACE_EVENT(vfio_cxl_decoder_lock,
	    TP_PROTO(struct vfio_cxl_device *cvdev, u64 base, u64 size,
		     int ret),
	    TP_ARGS(cvdev, base, size, ret),
	    TP_STRUCT__entry(__string(name, trace_name(cvdev))
			     __field(u64, base)
			     __field(u64, size)
			     __field(int, ret)),
	    TP_fast_assign(__assign_str(name);
			   __entry->base = base;
			   __entry->size = size;
			   __entry->ret = ret;),
	    TP_printk("%s base=%#llx size=%#llx ret=%d", __get_str(name),
		      __entry->base, __entry->size, __entry->ret)
);

/* The host's decoder was lost and restored */
DEFINE_EVENT(vfio_cxl_result, vfio_cxl_decoder_restore,
	     TP_PROTO(struct vfio_cxl_device *cvdev, int ret),
	     TP_ARGS(cvdev, ret)
);

/* Reasons to shut the gate were set or cleared */
TRACE_EVENT_CONDITION(vfio_cxl_gate,
		      TP_PROTO(struct vfio_cxl_device *cvdev, unsigned long was,
			       unsigned long now),
		      TP_ARGS(cvdev, was, now),
		      TP_CONDITION(was != now),
		      TP_STRUCT__entry(__string(name, trace_name(cvdev))
				       __field(unsigned long, set)
				       __field(unsigned long, cleared)
				       __field(unsigned long, reasons)),
		      TP_fast_assign(__assign_str(name);
				     __entry->set = now & ~was;
				     __entry->cleared = was & ~now;
				     __entry->reasons = now;),
		      TP_printk("%s set=%s cleared=%s reasons=%s",
				__get_str(name), show_reasons(__entry->set),
				show_reasons(__entry->cleared),
				show_reasons(__entry->reasons))
);

/* Clearing begins, or begins again */
TRACE_EVENT(vfio_cxl_clear_begin,
	    TP_PROTO(struct vfio_cxl_device *cvdev),
	    TP_ARGS(cvdev),
	    TP_STRUCT__entry(__string(name, trace_name(cvdev))
			     __field(u64, size)),
	    TP_fast_assign(__assign_str(name);
			   __entry->size = cvdev->host.size;),
	    TP_printk("%s size=%#llx", __get_str(name), __entry->size)
);

/* The memory is clean, or clearing was stopped */
DEFINE_EVENT(vfio_cxl_result, vfio_cxl_clear_end,
	     TP_PROTO(struct vfio_cxl_device *cvdev, int ret),
	     TP_ARGS(cvdev, ret)
);

/* A page fault finds the gate shut for a time: it waits, or is to be retried */
TRACE_EVENT(vfio_cxl_fault_wait,
	    TP_PROTO(struct vfio_cxl_device *cvdev, u64 offset,
		     unsigned int order, unsigned int flags),
	    TP_ARGS(cvdev, offset, order, flags),
	    TP_STRUCT__entry(__string(name, trace_name(cvdev))
			     __field(u64, offset)
			     __field(unsigned int, order)
			     __field(unsigned int, flags)),
	    TP_fast_assign(__assign_str(name);
			   __entry->offset = offset;
			   __entry->order = order;
			   __entry->flags = flags;),
	    TP_printk("%s offset=%#llx order=%u flags=%s", __get_str(name),
		      __entry->offset, __entry->order,
		      __print_flags(__entry->flags, "|", FAULT_FLAG_TRACE))
);

/* As VM_FAULT_RESULT_TRACE, which sparse accepts since Linux 7.3 only */
#define show_fault(ret)							\
	__print_flags(ret, "|",						\
		      { (__force u32)VM_FAULT_OOM,	"OOM" },	\
		      { (__force u32)VM_FAULT_SIGBUS,	"SIGBUS" },	\
		      { (__force u32)VM_FAULT_HWPOISON,	"HWPOISON" })

/* A page fault that ends in a signal to the task */
TRACE_EVENT_CONDITION(vfio_cxl_fault_error,
		      TP_PROTO(struct vfio_cxl_device *cvdev, u64 offset,
			       unsigned int order, vm_fault_t ret),
		      TP_ARGS(cvdev, offset, order, ret),
		      TP_CONDITION(ret & (VM_FAULT_ERROR & ~VM_FAULT_FALLBACK)),
		      TP_STRUCT__entry(__string(name, trace_name(cvdev))
				       __field(u64, offset)
				       __field(unsigned int, order)
				       __field(u32, ret)),
		      TP_fast_assign(__assign_str(name);
				     __entry->offset = offset;
				     __entry->order = order;
				     __entry->ret = (__force u32)ret;),
		      TP_printk("%s offset=%#llx order=%u ret=%s",
				__get_str(name), __entry->offset,
				__entry->order, show_fault(__entry->ret))
);

#endif /* VFIO_CXL_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
