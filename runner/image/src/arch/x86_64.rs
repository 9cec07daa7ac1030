//! x86_64, System V calling convention. Only callee-saved registers are captured: a call of
//! [`capture`] is an ordinary call for the compiler, so nothing else is live across it.
//!
//! [`Registers`] are, in the order in which the assembler below stores them: rbx, rbp, r12–r15, rsp, rip, and the
//! control words of SSE (bits 0–31) and x87 (bits 32–47).

use core::arch::global_asm;

use super::{Registers, Step};

/// Processes can be frozen and thawed.
pub const CAN_FREEZE: bool = true;

global_asm!(
    r#"
    .text
    .balign 16
    .global stasis_image_capture
    .hidden stasis_image_capture
    .type stasis_image_capture, @function
# rdi: Registers*   rsi: top of another stack   rdx: function(argument) -> u64   rcx: argument
stasis_image_capture:
    mov [rdi], rbx
    mov [rdi+8], rbp
    mov [rdi+16], r12
    mov [rdi+24], r13
    mov [rdi+32], r14
    mov [rdi+40], r15
    lea rax, [rsp+8]
    mov [rdi+48], rax
    mov rax, [rsp]
    mov [rdi+56], rax
    mov qword ptr [rdi+64], 0
    stmxcsr [rdi+64]
    fnstcw [rdi+68]
    mov r12, rdi
    mov rbx, rsp
    mov rsp, rsi
    mov rdi, rcx
    call rdx
    mov rsp, rbx
    mov rbx, [r12]
    mov r12, [r12+16]
    ret
    .size stasis_image_capture, .-stasis_image_capture

    .balign 16
    .global stasis_image_restorer
    .hidden stasis_image_restorer
    .global stasis_image_restorer_end
    .hidden stasis_image_restorer_end
# Position-independent; runs from a copy. rdi: Step*   rsi: number of steps   rdx: Registers*
# rcx: top of its own stack
stasis_image_restorer:
    mov rsp, rcx
    mov rbx, rdi
    mov r12, rsi
    mov r13, rdx
1:  test r12, r12
    jz 4f
    mov rax, [rbx]
    cmp rax, -1
    je 2f
    cmp rax, -2
    je 6f
    mov rdi, [rbx+8]
    mov rsi, [rbx+16]
    mov rdx, [rbx+24]
    mov r10, [rbx+32]
    mov r8,  [rbx+40]
    mov r9,  [rbx+48]
    syscall
    mov rcx, [rbx+56]
    cmp rax, rcx
    je 3f
    cmp rcx, -4097
    je 3f
    jmp 5f
2:  mov rdi, [rbx+8]
    mov rsi, [rbx+16]
    mov [rdi], rsi
3:  add rbx, 64
    dec r12
    jmp 1b
4:  mov rdi, r13
    ldmxcsr [rdi+64]
    fldcw [rdi+68]
    mov rbx, [rdi]
    mov rbp, [rdi+8]
    mov r12, [rdi+16]
    mov r13, [rdi+24]
    mov r14, [rdi+32]
    mov r15, [rdi+40]
    mov rsp, [rdi+48]
    mov rcx, [rdi+56]
    mov eax, 1
    jmp rcx
6:  mov rdx, [rbx+8]
    mov r8,  [rbx+16]
    mov rsi, [rbx+24]
7:  test r8, r8
    jz 3b
    mov rdi, [rdx]
    mov rcx, [rdx+8]
    shr rcx, 3
    rep movsq
    add rdx, 16
    dec r8
    jmp 7b
5:  mov rdi, 113
    mov rax, 231
    syscall
    ud2
stasis_image_restorer_end:
"#
);

unsafe extern "C" {
    fn stasis_image_capture(
        registers: *mut Registers,
        stack_top: *mut u8,
        function: extern "C" fn(*mut libc::c_void) -> u64,
        argument: *mut libc::c_void,
    ) -> u64;
    static stasis_image_restorer: u8;
    static stasis_image_restorer_end: u8;
}

/// Stores the caller's registers and then calls `function(argument)` on another stack, so that no
/// byte of the caller's memory changes while the function looks at it. Returns what the function
/// returned, or [`THAWED`] if the registers were loaded in another process.
///
/// # Safety
/// `registers` is valid for writing; `stack_top` is the 16-byte aligned end of a writable area that
/// is large enough for `function`; `argument` is what `function` expects.
pub(crate) unsafe fn capture(
    registers: *mut Registers,
    stack_top: *mut u8,
    function: extern "C" fn(*mut libc::c_void) -> u64,
    argument: *mut libc::c_void,
) -> u64 {
    // SAFETY: the caller keeps to the contract, which is the assembler's.
    unsafe { stasis_image_capture(registers, stack_top, function, argument) }
}

/// The base of the `fs` segment, where the thread's own memory is. Its first word is its own address
/// (System V ABI, "Thread-Local Storage"), so that no system call is needed.
pub(crate) fn thread_pointer() -> u64 {
    let pointer;
    // SAFETY: reads one word that every thread has.
    unsafe {
        core::arch::asm!("mov {}, fs:0", out(reg) pointer, options(nostack, preserves_flags, readonly))
    };
    pointer
}

/// The machine code of the restorer.
pub(crate) fn restorer_code() -> &'static [u8] {
    // SAFETY: both symbols delimit one routine in this executable's text, which is never unmapped
    // while Rust code of this process runs.
    unsafe {
        let start = &raw const stasis_image_restorer;
        let end = &raw const stasis_image_restorer_end;
        core::slice::from_raw_parts(start, end.offset_from(start) as usize)
    }
}

/// What `arch_prctl` is asked for while thawing, and for nothing else: Linux `arch/x86/include/uapi/asm/prctl.h`.
pub const ARCH_SET_FS: i32 = 0x1002;

/// Has the thread's own memory be where it was.
pub(crate) fn set_thread_pointer(pointer: u64) -> Step {
    Step::call(libc::SYS_arch_prctl, [ARCH_SET_FS as u64, pointer, 0, 0, 0, 0], 0)
}

/// Machine code of a function that only makes a system call: `mov eax, number; syscall; ret`.
pub(crate) fn system_call_function(number: libc::c_long) -> u64 {
    let n = (number as u32).to_le_bytes();
    u64::from_le_bytes([0xb8, n[0], n[1], n[2], n[3], 0x0f, 0x05, 0xc3])
}
