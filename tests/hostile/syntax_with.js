// expect: completed | 5
with ({ a: 5 }) a;
