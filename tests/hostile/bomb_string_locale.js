// expect: completed | 2097152
// flags: --stateless
"ß".repeat(1 << 20).toLocaleUpperCase("de").length;
