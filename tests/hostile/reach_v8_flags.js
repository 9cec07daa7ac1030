// expect: completed | undefined undefined undefined
[typeof gc, typeof d8, typeof v8].join(" ");
