// expect: completed | 5
<!-- hello
5;
--> bye
