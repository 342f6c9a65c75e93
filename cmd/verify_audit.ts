/** `btstore verify --audit FILE`: what the transcript of an audit proves. Needs neither wallet nor chain. */
import { open } from "node:fs/promises";
import { decodeDeclaration, decodeTranscript, declaredGeometry, type Transcript, type TranscriptResult, type Verdict, verifyTranscript } from "../lib/audit/mod.ts";
import { BtstoreError, describeError, formatSize } from "../lib/core/mod.ts";
import { cryptoReady, verifySignature } from "../lib/wallet/mod.ts";
import { expandHome } from "./paths.ts";
import { print, printJson } from "./output.ts";

/** A declaration of 65,536 sectors in base64 is 2.8 MB; nothing larger is read. */
const FILE_BYTES_MAX = 16 * 2 ** 20;

/**
 * Checks a transcript and says what it proves.
 *
 * @throws {BtstoreError} `disk` if the file cannot be read; `usage` if it is no transcript; `corrupt` if its verdict does not follow from it.
 */
export async function verifyAuditFile(file: string, isJson: boolean): Promise<void> {
  const path = expandHome(file);
  const transcript = decodeTranscript(await readBounded(path));
  if (transcript === null) throw new BtstoreError("usage", `Cannot check "${path}": it is no audit transcript of ours (format btstore-audit/1)`);
  await cryptoReady();
  const result = verifyTranscript(transcript, verifySignature);
  const declaration = decodeDeclaration(transcript.declaration.bytes);
  if (result === null || declaration === null) throw new BtstoreError("corrupt", `Cannot check "${path}": its declaration is malformed or declares nothing`);
  const { miner, validator, netuid, serial, genesisHash } = declaration;
  const { byteLength } = declaredGeometry(declaration);
  if (isJson) {
    printJson({ path, miner, validator, netuid, genesisHash, serial, declaredBytes: byteLength, at: transcript.at, elapsedMs: transcript.elapsedMs, deadlineMs: transcript.deadlineMs, recorded: transcript.verdict, ...result });
  } else {
    print([
      `Miner        ${miner}`,
      `Validator    ${validator}, subnet ${netuid}`,
      `Declared     ${formatSize(byteLength)}, serial ${serial}, ${result.isSigned ? "signed by the miner" : "NOT signed by the miner"}`,
      `Recorded     ${verdictWords(transcript.verdict)}, ${new Date(transcript.at).toISOString()}`,
      `Recomputed   ${result.verdict === null ? "nothing to judge: no whole answer is in it" : verdictWords(result.verdict)}`,
      "",
      proof(transcript, result),
    ].join("\n"));
  }
  if (!result.agrees || result.isSigned === false) throw new BtstoreError("corrupt", `The transcript at "${path}" does not hold: ${result.agrees ? "the miner did not sign the declaration" : "the recorded verdict does not follow from what was said"}`);
}

async function readBounded(path: string): Promise<string> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size > FILE_BYTES_MAX) throw new RangeError(`it has ${formatSize(size)}, a transcript at most ${formatSize(FILE_BYTES_MAX)}`);
      return await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new BtstoreError("disk", `Cannot read "${path}": ${describeError(error)}`, { cause: error });
  }
}

function verdictWords(verdict: Verdict): string {
  switch (verdict.kind) {
    case "fail": {
      const place = verdict.place === null ? "" : ` at hop ${verdict.place.hop}, stripe ${verdict.place.stripeIndex}, piece ${verdict.place.pieceIndex}`;
      return `fail, ${verdict.fault.replaceAll("_", " ")}${place}`;
    }
    case "late":
      return `late, ${Math.round(verdict.elapsedMs)} ms of ${Math.round(verdict.deadlineMs)} ms allowed`;
    default:
      return verdict.kind;
  }
}

function proof({ elapsedMs, deadlineMs }: Transcript, { isSigned, verdict, agrees }: TranscriptResult): string {
  if (!agrees) return "It proves nothing: the recorded verdict does not follow from what was said.";
  if (isSigned === false) return "It proves nothing about the miner, who did not sign this declaration.";
  const time = elapsedMs === null ? "No answer in time is the validator's word." : `That the answer took ${Math.round(elapsedMs)} ms of ${Math.round(deadlineMs)} ms, and who sent it, is the validator's word.`;
  if (verdict?.kind === "pass") return `It proves that whoever answered had the declared bytes at all 16 places, which nobody could foresee.\n${time}`;
  if (verdict?.kind === "fail") return `It proves that these answers do not fit what the miner declared.\n${time}`;
  return time;
}
