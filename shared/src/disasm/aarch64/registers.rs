//! What is known of the general registers while code is swept.

use crate::address::VirtualAddress;

/// The registers that hold a known address.
pub(super) struct Registers {
    known: u32,
    values: [VirtualAddress; 32],
}

/// x0 to x18, and x30, which a call may change.
const LOST_AT_CALLS: u32 = 0x7_ffff | 1 << 30;

impl Registers {
    pub(super) fn new() -> Self {
        Self {
            known: 0,
            values: [VirtualAddress(0); 32],
        }
    }

    #[inline]
    pub(super) fn get(&self, register: u32) -> Option<VirtualAddress> {
        let known = self.known >> (register & 31) & 1 == 1;
        known.then(|| self.values[register as usize & 31])
    }

    #[inline]
    pub(super) fn set(&mut self, register: u32, value: Option<VirtualAddress>) {
        let register = register & 31;
        match value {
            // 31 is the stack's or nothing's.
            Some(value) if register != 31 => {
                self.known |= 1 << register;
                self.values[register as usize] = value;
            }
            _ => self.known &= !(1 << register),
        }
    }

    #[inline]
    pub(super) fn forget_all(&mut self) {
        self.known = 0;
    }

    #[inline]
    pub(super) fn call(&mut self) {
        self.known &= !LOST_AT_CALLS;
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.known == 0
    }
}
