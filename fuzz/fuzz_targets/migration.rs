#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    ntp_fuzz::migration(data);
});
