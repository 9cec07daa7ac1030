// expect: failed/completed
<!-- hello
5;
--> bye
