// expect: failed
let text = "x";
for (;;) text = btoa(text);
