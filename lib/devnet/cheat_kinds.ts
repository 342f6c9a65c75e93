/** The cheats a devnet can start, by name; what they do is `cheaters/`. */

/** Miners that try to earn without the disk, and what each does. */
export const CHEATS = {
  regenerate: "keeps no filler and computes it again for each audit",
  drop: "keeps three quarters of its stripes and answers zeros for the rest",
  overclaim: "keeps one unit and commits to eight times an honest miner's space, junk but for that unit",
  steer: "keeps half of its stripes and, where one is missing, grinds a false link that leads back to what it kept",
} as const;

export type CheatKind = keyof typeof CHEATS;
