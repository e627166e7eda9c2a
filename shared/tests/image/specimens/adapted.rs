//! A command of WASI's first preview, which an adapter makes a component of.
#![no_std]
#![no_main]

#[link(wasm_import_module = "wasi_snapshot_preview1")]
extern "C" {
    fn fd_write(file: i32, vectors: *const [usize; 2], count: usize, written: *mut usize) -> i32;
    fn random_get(buffer: *mut u8, length: usize) -> i32;
}

#[no_mangle]
pub extern "C" fn _start() {
    let mut buffer = [0; 8];
    let vector = [buffer.as_ptr() as usize, buffer.len()];
    let mut written = 0;
    unsafe {
        random_get(buffer.as_mut_ptr(), buffer.len());
        fd_write(1, &vector, 1, &mut written);
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
