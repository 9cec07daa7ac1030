// expect: failed/completed
// flags: --stateless
"ß".repeat(1 << 20).toLocaleUpperCase("de").length;
