// expect: failed/completed
// flags: --stateless
"\uFDFA".repeat(1 << 20).normalize("NFKD").length;
