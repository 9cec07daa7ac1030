// expect: completed | xxxx
// flags: --heap-memory-max 256 --stateless
"x".repeat(16 << 20);
