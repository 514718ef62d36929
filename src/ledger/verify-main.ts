import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { LedgerVerifier } from "./verify.ts";

// node verify-ledger.js <export> [public key…]: exit code 0 when the export is whole, 1 when it is not. Needs nothing but Node.

const [path, ...keys] = process.argv.slice(2);
if (path === undefined) {
  process.stderr.write("usage: node verify-ledger.js <export> [public key, base64 …]\n");
  process.exit(2);
}
const verifier = new LedgerVerifier(keys.length > 0 ? { keys } : {});
const fail = (error: NodeJS.ErrnoException): never => {
  process.stderr.write(`cannot read "${path}": ${error.code ?? error.message}\n`);
  process.exit(3);
};
const input = createReadStream(path).on("error", fail);
for await (const line of createInterface({ input, crlfDelay: 0 })) verifier.push(line);
const report = verifier.finish();
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
process.exitCode = report.problems.length === 0 ? 0 : 1;
