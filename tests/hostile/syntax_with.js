// expect: failed/completed
with ({ a: 5 }) a;
