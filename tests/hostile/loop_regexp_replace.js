// expect: timed_out
// flags: --execution-timeout 1
"a".repeat(40).replace(/(a|aa)+$b/g, "");
