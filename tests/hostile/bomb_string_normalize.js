// expect: completed | 18874368
// flags: --stateless
"\uFDFA".repeat(1 << 20).normalize("NFKD").length;
