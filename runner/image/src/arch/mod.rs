//! What depends on the processor: capture the registers, restore a process, load registers.

#[cfg(not(target_arch = "x86_64"))]
mod other;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(not(target_arch = "x86_64"))]
use other as current;
#[cfg(target_arch = "x86_64")]
use x86_64 as current;

#[cfg(target_arch = "x86_64")]
pub use current::ARCH_SET_FS;
pub use current::CAN_FREEZE;
pub(crate) use current::{capture, restorer_code, set_thread_pointer, system_call_function, thread_pointer};

/// The registers of a frozen process, in an order that only the assembler knows.
pub(crate) type Registers = [u64; 9];

/// What [`capture`] returns in the process that was thawed.
pub(crate) const THAWED: u64 = 1;

/// The signature of the restorer's copy.
pub(crate) type Restorer =
    unsafe extern "C" fn(steps: *const Step, count: u64, registers: *const Registers, stack_top: u64) -> !;

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
