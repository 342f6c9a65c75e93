/**
 * `btstore completions bash|zsh|fish`: a script for the shell, written from the table of flags.
 *
 * The shell never runs `btstore` to complete: commands, flags and choices stand in the script, wallets and hotkeys are
 * listed from the folder that `--wallet.path`, its variable or its default names.
 */
import type { CommandDef } from "citty";
import { command } from "./command.ts";
import { COMMANDS, EXISTING } from "./commands.ts";
import { defaultText, type Flag, FLAG_ROWS, type FlagName, FLAGS, flagsFor } from "./flags.ts";
import { print, printJson } from "./output.ts";

/** Flags whose text is a path. */
const PATHS: readonly FlagName[] = [
  "db_path", "wallet.path", "wallet.password_file", "axon.tls_cert", "axon.tls_key", "audit", "mnemonic_file", "config", "output", "unit_dir", "logging.logging_dir",
];

/** Words to offer where any text is taken. */
const SUGGESTIONS: Readonly<Partial<Record<FlagName, readonly string[]>>> = { "subtensor.network": ["finney", "test", "local", "archive"] };

export type Shell = "bash" | "zsh" | "fish";

export const completionsBash = scriptCommand("bash");
export const completionsZsh = scriptCommand("zsh");
export const completionsFish = scriptCommand("fish");

function scriptCommand(shell: Shell): CommandDef {
  return command(`completions ${shell}`, async ({ flags }) => (flags.json ? printJson({ shell, script: scriptFor(shell) }) : print(scriptFor(shell))));
}

/** The script for a shell, without a line end. */
export function scriptFor(shell: Shell): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell]();
}

/** What may follow a flag: words, a path, a wallet, a hotkey; nothing that can be offered; or null for a switch. */
type Values = { readonly kind: "words"; readonly words: readonly string[] } | { readonly kind: "path" | "wallet" | "hotkey" | "text" } | null;

function valuesOf(name: FlagName, { type }: Flag): Values {
  if (type.kind === "switch") return null;
  if (type.kind === "choices") return { kind: "words", words: type.choices };
  if (name === "wallet.name") return { kind: "wallet" };
  if (name === "wallet.hotkey") return { kind: "hotkey" };
  if (PATHS.includes(name)) return { kind: "path" };
  const words = SUGGESTIONS[name];
  return words ? { kind: "words", words } : { kind: "text" };
}

/** The next words behind each beginning of a command: `""` → `mine`, `wallet` …; `wallet` → `list` …. */
function nextWords(): Map<string, Map<string, string>> {
  const next = new Map<string, Map<string, string>>();
  for (const name of EXISTING) {
    const words = name.split(" ");
    for (const [i, word] of words.entries()) {
      const before = words.slice(0, i).join(" ");
      const here = next.get(before) ?? new Map<string, string>();
      next.set(before, here);
      const summary = i === words.length - 1 ? COMMANDS[name]!.summary : `${EXISTING.filter((each) => each.startsWith(`${word} `)).map((each) => each.slice(word.length + 1)).join(", ")}`;
      if (!here.has(word)) here.set(word, summary);
    }
  }
  return next;
}

/** Flags that existing commands take. */
function takenFlags(): readonly (readonly [FlagName, Flag])[] {
  return FLAG_ROWS.filter(([, flag]) => EXISTING.some((name) => flag.commands.includes(name)));
}

/** Names of wallets and hotkeys, in the words of bash and zsh; `line` is the array of words typed. */
function walletFunctions(line: string): string[] {
  const { environment, default: home } = FLAGS["wallet.path"];
  return [
    "# What stands behind a flag on the line so far, else the default given.",
    "_btstore_value() {",
    "  local flag=$1 found=$2 before= word",
    `  for word in "\${${line}[@]}"; do`,
    '    [[ $before == "$flag" ]] && found=$word',
    '    [[ $word == "$flag="* ]] && found=${word#*=}',
    "    before=$word",
    "  done",
    `  printf '%s' "$found"`,
    "}",
    "_btstore_wallets() {",
    "  local folder",
    `  folder=$(_btstore_value --wallet.path "\${${environment[0]}:-${home.replace("~", "$HOME")}}")`,
    '  [[ $folder == "~/"* ]] && folder=$HOME/${folder#"~/"}',
    `  printf '%s' "$folder"`,
    "}",
    "_btstore_wallet_names() {",
    `  ls -1 "$(_btstore_wallets)" 2>/dev/null`,
    "}",
    "_btstore_hotkey_names() {",
    `  ls -1 "$(_btstore_wallets)/$(_btstore_value --wallet.name "\${${FLAGS["wallet.name"].environment[0]}:-${FLAGS["wallet.name"].default}}")/hotkeys" 2>/dev/null | grep -v '\\.txt$'`,
    "}",
  ];
}

/** Both spellings of a flag, as a pattern of `case`. */
function pattern(name: FlagName): string {
  const dashed = name.replaceAll(/[._]/g, "-");
  return dashed === name ? `--${name}` : `--${name}|--${dashed}`;
}

function bashScript(): string {
  const actions = { path: 'COMPREPLY=($(compgen -f -- "$current")); compopt -o filenames 2>/dev/null', wallet: '_btstore_offer "$(_btstore_wallet_names)"', hotkey: '_btstore_offer "$(_btstore_hotkey_names)"', text: ":" };
  return [
    "# bash completion for btstore. Install: btstore completions bash > ~/.local/share/bash-completion/completions/btstore",
    ...walletFunctions("COMP_WORDS"),
    "# One word per line: names may hold spaces.",
    "_btstore_offer() {",
    '  COMPREPLY=($(compgen -W "$1" -- "$current"))',
    "}",
    "_btstore() {",
    '  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words= word i',
    `  local IFS=$'\\n'`,
    "  COMPREPLY=()",
    "  # bash takes = for a word of its own: --flag = value.",
    '  [[ $current == = ]] && current=',
    '  [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD-2]}',
    "  case $before in",
    ...takenFlags().flatMap(([name, flag]) => {
      const values = valuesOf(name, flag);
      if (values === null) return [];
      return [`    ${pattern(name)}) ${values.kind === "words" ? `_btstore_offer $'${values.words.join("\\n")}'` : actions[values.kind]}; return ;;`];
    }),
    "  esac",
    "  for ((i = 1; i < COMP_CWORD; i++)); do",
    "    word=${COMP_WORDS[i]}",
    "    [[ $word == -* ]] && break",
    '    words+=${words:+ }$word',
    "  done",
    "  case $words in",
    ...[...nextWords()].map(([before, next]) => `    "${before}") _btstore_offer $'${[...next.keys(), "--help", ...(before === "" ? ["--version"] : [])].join("\\n")}' ;;`),
    ...EXISTING.map((name) => `    "${name}") _btstore_offer $'${[...flagsFor(name).map(([flag]) => `--${flag}`), "--help"].join("\\n")}' ;;`),
    "  esac",
    "}",
    "complete -F _btstore btstore",
  ].join("\n");
}

function zshScript(): string {
  const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
  const described = (word: string, meaning: string) => quoted(`${word.replaceAll(":", "\\:")}:${meaning}`);
  const actions = { path: "_files", wallet: 'compadd -- ${(f)"$(_btstore_wallet_names)"}', hotkey: 'compadd -- ${(f)"$(_btstore_hotkey_names)"}', text: "_message value" };
  const describe = (what: string, rows: readonly (readonly [string, string])[]) => [
    `offers=(${rows.map(([word, meaning]) => described(word, meaning)).join(" ")})`,
    `_describe ${what} offers`,
  ].join("; ");
  return [
    "#compdef btstore",
    '# zsh completion for btstore. Install: btstore completions zsh > "${fpath[1]}/_btstore"',
    ...walletFunctions("words"),
    "_btstore() {",
    "  local -a offers",
    "  local path_words= word i before=${words[CURRENT-1]}",
    "  case $before in",
    ...takenFlags().flatMap(([name, flag]) => {
      const values = valuesOf(name, flag);
      if (values === null) return [];
      return [`    ${pattern(name)}) ${values.kind === "words" ? `compadd -- ${values.words.join(" ")}` : actions[values.kind]}; return ;;`];
    }),
    "  esac",
    "  for ((i = 2; i < CURRENT; i++)); do",
    "    word=${words[i]}",
    "    [[ $word == -* ]] && break",
    '    path_words+=${path_words:+ }$word',
    "  done",
    "  case $path_words in",
    ...[...nextWords()].map(([before, next]) => `    "${before}") ${describe("command", [...next])} ;;`),
    ...EXISTING.map((name) => `    "${name}") ${describe("flag", flagsFor(name).map(([flag, { meaning }]) => [`--${flag}`, meaning] as const))} ;;`),
    "  esac",
    "}",
    // Loaded by zsh from fpath the file is the function's body; sourced, it registers itself.
    'if [[ $funcstack[1] == _btstore ]]; then _btstore "$@"; else compdef _btstore btstore; fi',
  ].join("\n");
}

function fishScript(): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const actions = { path: "-r -F", wallet: "-x -a '(__btstore_wallet_names)'", hotkey: "-x -a '(__btstore_hotkey_names)'", text: "-x" };
  const { environment, default: home } = FLAGS["wallet.path"];
  const lines = [
    "# fish completion for btstore. Install: btstore completions fish > ~/.config/fish/completions/btstore.fish",
    "function __btstore_value --argument-names flag default",
    "  set -l words (commandline -opc)",
    "  set -l found $default",
    "  for i in (seq (count $words))",
    '    test "$words[$i]" = "$flag"; and test $i -lt (count $words); and set found $words[(math $i + 1)]',
    "    string match -q -- \"$flag=*\" $words[$i]; and set found (string split -m 1 = -- $words[$i])[2]",
    "  end",
    "  echo $found",
    "end",
    "function __btstore_wallets",
    `  set -l folder ${home.replace("~", "$HOME")}`,
    `  set -q ${environment[0]}; and set folder $${environment[0]}`,
    "  string replace -r '^~/' \"$HOME/\" (__btstore_value --wallet.path $folder)",
    "end",
    "function __btstore_wallet_names",
    "  ls -1 (__btstore_wallets) 2>/dev/null",
    "end",
    "function __btstore_hotkey_names",
    `  ls -1 (__btstore_wallets)/(__btstore_value --wallet.name ${defaultText(FLAGS["wallet.name"])})/hotkeys 2>/dev/null | string match -v '*.txt'`,
    "end",
    "# Whether the words of the command so far are these.",
    "function __btstore_at",
    "  set -l words",
    "  for word in (commandline -opc)[2..-1]",
    "    string match -q -- '-*' $word; and break",
    "    set -a words $word",
    "  end",
    '  test "$words" = "$argv"',
    "end",
    "complete -c btstore -f",
  ];
  for (const [before, next] of nextWords()) for (const [word, summary] of next) lines.push(`complete -c btstore -n ${quoted(`__btstore_at ${before}`.trimEnd())} -a ${word} -d ${quoted(summary)}`);
  for (const name of EXISTING) {
    for (const [flag, row] of flagsFor(name)) {
      const values = valuesOf(flag, row);
      const takes = values === null ? "" : ` ${values.kind === "words" ? `-x -a ${quoted(values.words.join(" "))}` : actions[values.kind]}`;
      lines.push(`complete -c btstore -n ${quoted(`__btstore_at ${name}`)} -l ${flag}${takes} -d ${quoted(row.meaning)}`);
    }
  }
  return lines.join("\n");
}
