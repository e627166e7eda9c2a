//! A crate without core, so that one object file is all of it.
#![no_core]
#![feature(no_core, lang_items)]
#![crate_type = "lib"]
#![allow(internal_features, dead_code)]
#[lang = "pointee_sized"]
pub trait PointeeSized {}
#[lang = "meta_sized"]
pub trait MetaSized: PointeeSized {}
#[lang = "sized"]
pub trait Sized: MetaSized {}
#[lang = "copy"]
pub trait Copy {}
impl Copy for i32 {}

pub mod inner {
    use super::Copy;
    #[inline(never)]
    pub fn keep(x: i32) -> i32 {
        x
    }
    pub struct Pair(pub i32);
    impl Pair {
        #[inline(never)]
        pub fn value(self) -> i32 {
            self.0
        }
    }
    pub trait Step {
        fn step(self) -> i32;
    }
    impl Step for Pair {
        #[inline(never)]
        fn step(self) -> i32 {
            self.0
        }
    }
    #[inline(never)]
    pub fn same<T: Copy>(x: T) -> T {
        x
    }
}
#[no_mangle]
pub extern "C" fn alpha_entry(x: i32) -> i32 {
    inner::keep(inner::same(inner::Step::step(inner::Pair(inner::Pair(x).value()))))
}
