// expect: completed/failed
1;
#!/usr/bin/env node
