/**
 * Space: the rules of sealed space, pure. Where pieces lie, what units are computed from, how sectors are committed and
 * which stripes an audit visits. Files and the native core come one floor up.
 */
export { geometryOf, pieceOrigin, piecePosition, sectorAt, sectorOfStripe, wholeChunks, type Geometry, type PieceOrigin, type Sector } from "./geometry.ts";
export { drawHop, type Hop } from "./hop.ts";
export { leafHash, merklePath, merkleRoot, nodeHash, pathLength, rootFromPath, saltedLeafHash } from "./merkle.ts";
export { passesOf, sealSeed, unitSpec, type UnitSpec } from "./unit.ts";
