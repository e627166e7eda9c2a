//! A program without even `core`, so that it compiles for targets whose libraries are not
//! installed. Nightly only. Made into small files by `make-corpus`.
#![feature(no_core, lang_items, rustc_attrs)]
#![no_core]
#![crate_type = "lib"]
#![allow(internal_features)]
#[lang = "pointee_sized"]
pub trait PointeeSized {}
#[lang = "meta_sized"]
pub trait MetaSized: PointeeSized {}
#[lang = "sized"]
pub trait Sized: MetaSized {}
#[lang = "copy"]
pub trait Copy {}
impl Copy for u32 {}
impl Copy for &'static str {}
#[lang = "sync"]
pub trait Sync {}
impl Sync for u32 {}
impl Sync for &'static str {}
pub static TEXT: &str = "a text of some length";
pub static NUMBER: u32 = 7;
pub static mut ZERO: u32 = 0;
#[cfg(windows)]
#[link(name = "imported", kind = "raw-dylib")]
extern "C" {
    fn imported(number: u32) -> u32;
}
#[cfg(not(windows))]
unsafe fn imported(number: u32) -> u32 {
    number
}
#[inline(never)]
pub fn generic<T: Copy>(value: T) -> T {
    value
}
#[no_mangle]
pub unsafe fn _start() -> u32 {
    ZERO = generic(imported(NUMBER));
    generic(TEXT);
    ZERO
}
#[lang = "drop_glue"]
fn drop_glue<T: PointeeSized>(_: &mut T) {}
#[lang = "legacy_receiver"]
pub trait LegacyReceiver {}
impl<T: PointeeSized> LegacyReceiver for &T {}
