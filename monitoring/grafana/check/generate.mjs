// Writes each dashboard as TypeScript, since the texts of imported JSON are of type string, and not of the
// literal types that Grafana's types ask for. tsc then checks what is written here.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const dashboards = new URL("../dashboards/", import.meta.url);
const generated = new URL("generated/", import.meta.url);

rmSync(generated, { recursive: true, force: true });
mkdirSync(generated);
for (const name of readdirSync(dashboards)) {
  const json = readFileSync(new URL(name, dashboards), "utf8").trimEnd();
  const text = `import type { Checked } from "../types.js";\n\nexport default ${json} as const satisfies Checked;\n`;
  writeFileSync(new URL(name.replace(/\.json$/, ".ts"), generated), text);
}
