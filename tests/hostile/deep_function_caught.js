// expect: completed | true
let depth = 0;
const dive = () => { depth++; dive(); };
try { dive(); } catch {}
depth > 500;
