// Replaced below: counting the memory traffic.
