//! Segments and the task state segment of each processor.
//!
//! The selectors are Linux's, because user programs see them: in signal frames, in core files, and by
//! reading the registers.

use core::arch::asm;

use x86_64::VirtAddr;
use x86_64::instructions::tables::{lgdt, load_tss};
use x86_64::structures::DescriptorTablePointer;
use x86_64::structures::gdt::{Descriptor, SegmentSelector};

use super::percpu::CpuLocal;

/// The selector of kernel code; kernel data follows it, as syscall demands.
pub(crate) const KERNEL_CS: u16 = 0x10;
/// The selector of kernel data.
pub(crate) const KERNEL_SS: u16 = 0x18;
/// The 32-bit user code selector: sysret adds 16 for 64-bit code and 8 for the stack.
pub(crate) const USER_CS32: u16 = 0x23;
const TSS: u16 = 0x40;
/// Its limit holds the number of the processor, for user mode to read by `lsl` as on Linux.
const CPU_NUMBER: usize = 15;
/// Slots in the table.
pub(crate) const ENTRIES: usize = 16;

/// Interrupt stack table slots, counted from 1 as in the IDT.
pub(crate) mod ist {
    /// Double fault: the stack may be gone.
    pub const DOUBLE_FAULT: u8 = 1;
    /// Non-maskable interrupt: may come between two instructions of the syscall entry.
    pub const NMI: u8 = 2;
    /// Machine check: as the NMI.
    pub const MACHINE_CHECK: u8 = 3;
}

const KERNEL_CODE: u64 = 0x00af_9b00_0000_ffff;
const KERNEL_DATA: u64 = 0x00cf_9300_0000_ffff;
const USER_CODE32: u64 = 0x00cf_fb00_0000_ffff;
const USER_DATA: u64 = 0x00cf_f300_0000_ffff;
const USER_CODE: u64 = 0x00af_fb00_0000_ffff;

/// Loads segments and task state of this processor. `ist` are the tops of the stacks for double fault,
/// NMI and machine check; the word below each top holds the address of `cpu`, so that the entry code
/// finds it whatever GS holds.
///
/// # Safety
/// On the processor that `cpu` belongs to, once, with interrupts off; the stacks live for ever.
pub(super) unsafe fn load(cpu: &'static CpuLocal, ist: [u64; 3]) {
    // SAFETY: 1. only this processor touches its block; 2. the table stays in place for ever; 3. the
    // selectors match the table.
    unsafe {
        let tss = &mut *cpu.tss.get();
        for (slot, top) in ist.into_iter().enumerate() {
            let word = (top - 8) as *mut u64;
            word.write(core::ptr::from_ref(cpu) as u64);
            // The processor aligns to 16 bytes itself; the entry code finds the word behind the frame.
            tss.interrupt_stack_table[slot] = VirtAddr::new(top - 16);
        }
        let table = &mut *cpu.gdt.get();
        table[2] = KERNEL_CODE;
        table[3] = KERNEL_DATA;
        table[4] = USER_CODE32;
        table[5] = USER_DATA;
        table[6] = USER_CODE;
        let Descriptor::SystemSegment(low, high) = Descriptor::tss_segment_unchecked(cpu.tss.get())
        else {
            unreachable!("a task state segment is a system segment");
        };
        table[8] = low;
        table[9] = high;
        let number = u64::from(cpu.id.load(core::sync::atomic::Ordering::Relaxed));
        table[CPU_NUMBER] = 0x0040_f500_0000_0000 | number;
        lgdt(&DescriptorTablePointer {
            limit: (ENTRIES * 8 - 1) as u16,
            base: VirtAddr::from_ptr(table.as_ptr()),
        });
        load_selectors();
        load_tss(SegmentSelector(TSS));
    }
}

/// Loads the segment registers; FS and GS keep their bases (those are set by MSR afterwards).
unsafe fn load_selectors() {
    // SAFETY: 1. the selectors are in the table just loaded; 2. the far return goes to the next line.
    unsafe {
        asm!(
            "push {cs}",
            "lea {scratch}, [rip + 2f]",
            "push {scratch}",
            "retfq",
            "2:",
            "mov ss, {ss:e}",
            "mov ds, {zero:e}",
            "mov es, {zero:e}",
            cs = in(reg) u64::from(KERNEL_CS),
            ss = in(reg) u32::from(KERNEL_SS),
            zero = in(reg) 0,
            scratch = lateout(reg) _,
        );
    }
}
