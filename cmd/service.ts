/** `btstore service …`: a role as a systemd service. Writes and removes the unit; starting and stopping it stays with systemctl. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join, resolve } from "node:path";
import { BtstoreError, describeError, hasSystemCode } from "../lib/core/mod.ts";
import { command, type Run } from "./command.ts";
import { print, printJson, table } from "./output.ts";
import { UNIT_MARK, unitName, unitText } from "./packaging/systemd.ts";
import { selfCommand } from "./spawn.ts";

export const serviceInstall = command("service install", async (run: Run<"service install">) => {
  const { flags, origins } = run;
  const role = onlyRole(flags.role);
  const user = flags.run_as ?? process.env["SUDO_USER"] ?? userInfo().username;
  const expand = (path: string) => expandHomeOf(user, path);
  const writable = flags.db_path.map(expand);
  for (const path of writable) {
    if (!isFolder(path)) throw new BtstoreError("usage", `Cannot install the service: there is no folder "${path}" for --db_path; make it with "install -d -o ${user} ${path}"`);
  }
  const words = [...selfCommand([role])];
  const isSaid = (origin: string) => origin === "flag" || origin === "environment";
  if (flags.config !== null) words.push("--config", resolve(flags.config));
  for (const name of ["wallet.name", "wallet.hotkey"] as const) if (isSaid(origins[name])) words.push(`--${name}=${flags[name]}`);
  if (isSaid(origins["wallet.path"])) words.push(`--wallet.path=${expand(flags["wallet.path"])}`);
  if (flags["wallet.password_file"] !== null && isSaid(origins["wallet.password_file"])) words.push(`--wallet.password_file=${expand(flags["wallet.password_file"])}`);
  if (isSaid(origins.db_path)) for (const path of writable) words.push(`--db_path=${path}`);
  const name = unitName(role, flags["wallet.name"], flags["wallet.hotkey"]);
  const path = join(flags.unit_dir, name);
  if (existsSync(path) && !flags.overwrite) throw new BtstoreError("usage", `Cannot install the service: "${path}" exists and is not overwritten without --overwrite`);
  const text = unitText({ role, title: `${flags["wallet.name"]}/${flags["wallet.hotkey"]}`, words, user, writable });
  change(`write "${path}"`, () => writeFileSync(path, text));
  if (flags.json) return printJson({ unit: name, path, user, words });
  print([`Wrote "${path}", to run as ${user}:`, `    ${words.join(" ")}`, "", "Start it, now and after every boot:", `    systemctl daemon-reload && systemctl enable --now ${name}`, "Its log:", `    journalctl -fu ${name}`].join("\n"));
});

export const serviceUninstall = command("service uninstall", async ({ flags }) => {
  const name = unitName(onlyRole(flags.role), flags["wallet.name"], flags["wallet.hotkey"]);
  const path = join(flags.unit_dir, name);
  if (!isOurs(path)) throw new BtstoreError("usage", `Cannot remove the service: "${path}" is missing, or was not written by "btstore service install"`);
  const { active } = await stateOf(name);
  if (active === "active" || active === "activating") throw new BtstoreError("usage", `Cannot remove the service while it runs; stop it with "systemctl disable --now ${name}"`);
  change(`remove "${path}"`, () => rmSync(path));
  if (flags.json) return printJson({ unit: name, path, isRemoved: true });
  print(`Removed "${path}"; partitions, wallets and logs are left as they are. Tell systemd: systemctl daemon-reload`);
});

export const serviceStatus = command("service status", async ({ flags, log }) => {
  const names = (existsSync(flags.unit_dir) ? readdirSync(flags.unit_dir) : []).filter((name) => /^btstore-.*\.service$/.test(name) && isOurs(join(flags.unit_dir, name))).sort();
  const services = await Promise.all(names.map(async (name) => ({ unit: name, path: join(flags.unit_dir, name), ...(await stateOf(name)) })));
  if (flags.json) return printJson({ services });
  if (services.length === 0) return log.info(`No services in "${flags.unit_dir}"; "btstore service install" writes one`);
  print(table([{ heading: "UNIT" }, { heading: "NOW" }, { heading: "AT BOOT" }], services.map(({ unit, active, enabled }) => [unit, active ?? "unknown", enabled ?? "unknown"])));
});

function onlyRole(roles: readonly ("mine" | "validate")[]): "mine" | "validate" {
  const [role, ...others] = roles;
  if (role === undefined || others.length > 0) throw new BtstoreError("usage", "Cannot tell which service is meant: give one --role, mine or validate");
  return role;
}

/** What systemd says of a unit; null where it cannot be asked. */
async function stateOf(name: string): Promise<{ active: string | null; enabled: string | null }> {
  const ask = async (question: string) => {
    try {
      const child = Bun.spawn(["systemctl", question, name], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
      const said = (await new Response(child.stdout).text()).trim();
      await child.exited;
      return /^[a-z-]+$/.test(said) ? said : null;
    } catch {
      return null;
    }
  };
  const [active, enabled] = await Promise.all([ask("is-active"), ask("is-enabled")]);
  return { active, enabled };
}

function isOurs(path: string): boolean {
  try {
    return readFileSync(path, "utf8").startsWith(UNIT_MARK);
  } catch {
    return false;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function change(action: string, body: () => void): void {
  try {
    body();
  } catch (error) {
    throw new BtstoreError("disk", `Cannot ${action}: ${describeError(error)}${hasSystemCode(error, "EACCES", "EPERM") ? "; try again with sudo" : ""}`, { cause: error });
  }
}

/** A path with `~` as the home folder of the account that the service runs as, who under sudo is somebody else than we are. */
function expandHomeOf(user: string, path: string): string {
  if (path !== "~" && !path.startsWith("~/")) return resolve(path);
  const line = readFileSync("/etc/passwd", "utf8").split("\n").find((each) => each.startsWith(`${user}:`));
  const home = line?.split(":")[5] ?? (userInfo().username === user ? userInfo().homedir : undefined);
  if (home === undefined) throw new BtstoreError("usage", `Cannot read "${path}": nobody is called "${user}" in /etc/passwd; give paths that begin with a slash`);
  return join(home, path.slice(1));
}
