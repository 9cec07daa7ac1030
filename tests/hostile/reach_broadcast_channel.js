// expect: completed | undefined
typeof BroadcastChannel;
