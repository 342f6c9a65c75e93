/**
 * The systemd unit of a role: restarted when it falls over, not when it cannot work, and shut off from all it has no use for.
 *
 * Memory that is both writable and executable stays allowed: the JavaScript engine compiles at run time.
 */

/** What a unit is made of; paths are absolute. */
export type UnitFacts = {
  readonly role: "mine" | "validate";
  /** For people: which hotkey. */
  readonly title: string;
  /** The program and its arguments. */
  readonly words: readonly string[];
  /** Account that it runs as. */
  readonly user: string;
  /** Folders it may write; must exist when it starts. */
  readonly writable: readonly string[];
};

/** First line of every unit written here: nothing else is ever removed. */
export const UNIT_MARK = "# Written by btstore service install.";

/** Exit statuses after which trying again helps nothing: usage, wallet, not registered, damaged data (`cmd/status.ts`). */
const FINAL_STATUSES = [2, 3, 6, 10];

/** The text of the unit. Throws RangeError if a word holds a line end. */
export function unitText({ role, title, words, user, writable }: UnitFacts): string {
  return `${UNIT_MARK} Changes are lost when it is installed again; "systemctl edit" keeps them.
[Unit]
Description=btstore ${role}: ${unquoted(title)}
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
User=${unquoted(user)}
ExecStart=${words.map((word) => quoted(word.replaceAll("$", () => "$$"))).join(" ")}
Restart=on-failure
RestartSec=10
RestartPreventExitStatus=${FINAL_STATUSES.join(" ")}
KillSignal=SIGTERM
KillMode=mixed
TimeoutStopSec=60
LimitNOFILE=65536
UMask=0077

ReadWritePaths=${writable.map(quoted).join(" ")}
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

/** Name of a unit's file: one per role and hotkey. */
export function unitName(role: string, wallet: string, hotkey: string): string {
  return `btstore-${[role, wallet, hotkey].map((part) => part.replaceAll(/[^A-Za-z0-9_.]/g, "_")).join("-")}.service`;
}

/** One word of a list, so that systemd reads it as it stands; in command lines alone a dollar sign means something too. */
function quoted(word: string): string {
  const safe = unquoted(word);
  return /^[\w@%+=:,./$-]+$/.test(safe) ? safe : `"${safe.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

function unquoted(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new RangeError(`text: expected no control characters, got ${JSON.stringify(text)}`);
  return text.replaceAll("%", "%%");
}
