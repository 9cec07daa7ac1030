//! A processor for which nobody has written and tried the assembler: processes cannot be frozen. What is here is
//! never called, because [`crate::freeze`] and [`crate::Loader::thaw`] say so first.

use super::{Registers, Step};

/// Processes cannot be frozen on this processor.
pub const CAN_FREEZE: bool = false;

const NEVER: &str = "nothing is frozen or thawed on this processor";

/// See the x86_64 one.
///
/// # Safety
/// Never called.
pub(crate) unsafe fn capture(
    _registers: *mut Registers,
    _stack_top: *mut u8,
    _function: extern "C" fn(*mut libc::c_void) -> u64,
    _argument: *mut libc::c_void,
) -> u64 {
    unreachable!("{NEVER}")
}

pub(crate) fn thread_pointer() -> u64 {
    unreachable!("{NEVER}")
}

pub(crate) fn restorer_code() -> &'static [u8] {
    unreachable!("{NEVER}")
}

pub(crate) fn set_thread_pointer(_pointer: u64) -> Step {
    unreachable!("{NEVER}")
}

pub(crate) fn system_call_function(_number: libc::c_long) -> u64 {
    unreachable!("{NEVER}")
}
