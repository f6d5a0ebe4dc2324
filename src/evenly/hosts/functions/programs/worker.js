// An idle interpreter that becomes a function: it reads one order a line and answers each with `ok`.
let handle = null;
let queue = Promise.resolve();
const answer = () => process.stdout.write("ok\n");
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const at = line.indexOf(" ");
  const order = at < 0 ? line : line.slice(0, at);
  const rest = at < 0 ? "" : line.slice(at + 1);
  queue = queue.then(async () => {
    if (order === "code") handle = require(rest);
    else if (order === "depend") rest.split(" ").filter(Boolean).forEach((name) => require(name));
    else if (order === "call") await handle(Number(rest));
    answer();
  });
}).on("close", () => process.exit(0));
answer();
