// expect: completed | Symbol(s)
Symbol("s");
