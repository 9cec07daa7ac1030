// expect: failed
"x".padEnd(2 ** 29 - 30, "yz").split("");
