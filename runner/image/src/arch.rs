//! The three things that need assembler: capture the registers, restore a process, load registers.
//!
//! x86_64, System V calling convention. Only callee-saved registers are captured: a call of
//! [`capture`] is an ordinary call for the compiler, so nothing else is live across it.

use core::arch::global_asm;

/// The registers of a frozen process, in the order in which the assembler below stores them: rbx,
/// rbp, r12–r15, rsp, rip, and the control words of SSE (bits 0–31) and x87 (bits 32–47).
pub(crate) type Registers = [u64; 9];

/// One step of a restoration: a system call with the result that it must have.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// System call number, or [`POKE`], or [`PATCH`].
    number: u64,
    arguments: [u64; 6],
    /// The only acceptable result, or [`ANY`].
    expected: u64,
}

/// Not a system call: store the second argument at the address that the first one names.
const POKE: u64 = u64::MAX;

/// Not a system call: copy consecutive bytes, from the address that the third argument is on, to the places in
/// the table that the first argument points to; the second one is their number.
const PATCH: u64 = u64::MAX - 1;

/// Stands for any result of a step that is a mere improvement.
pub(crate) const ANY: u64 = u64::MAX - 4096;

/// Exit status of a process whose restoration failed at some step.
pub const RESTORE_FAILED: i32 = 113;

impl Step {
    pub(crate) fn call(number: libc::c_long, arguments: [u64; 6], expected: u64) -> Self {
        Self { number: number as u64, arguments, expected }
    }

    pub(crate) fn poke(address: u64, value: u64) -> Self {
        Self { number: POKE, arguments: [address, value, 0, 0, 0, 0], expected: 0 }
    }

    /// Copies `bytes` to `places`, each an address and a length that is a multiple of eight.
    pub(crate) fn patch(places: &[[u64; 2]], bytes: &[u8]) -> Self {
        debug_assert_eq!(places.iter().map(|[_, length]| *length).sum::<u64>(), bytes.len() as u64);
        let arguments = [places.as_ptr() as u64, places.len() as u64, bytes.as_ptr() as u64, 0, 0, 0];
        Self { number: PATCH, arguments, expected: 0 }
    }
}

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

/// What [`capture`] returns in the process that was thawed.
pub(crate) const THAWED: u64 = 1;

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

/// The signature of the restorer's copy.
pub(crate) type Restorer =
    unsafe extern "C" fn(steps: *const Step, count: u64, registers: *const Registers, stack_top: u64) -> !;
