"""Power of a row of servers: more of them under one budget, held by clocks; scenarios of kind `row`."""
