// expect: failed/completed
var a = 1; delete a;
