//! Argon2's block function (RFC 9106 section 3.5, permutation P of BlaMka) and the run of blocks around it, vectorised.
//!
//! The vector is as wide as the level's registers: 8 words with AVX-512, 4 with AVX2, 2 with SSE and NEON. With 8 words a
//! register holds 4 words of each of two neighbouring rows, so neither the row nor the column half of the permutation
//! ever transposes; memory is then kept in that order ("kernel order") and put into the standard's order at the end.
//!
//! The address of the next reference block is the first word of this one. The column that yields it is computed
//! first and the block prefetched while the other columns run.
const std = @import("std");
const builtin = @import("builtin");
const table = @import("table.zig");

const Block = table.Block;
const Run = table.Run;

/// Words per vector.
const width = switch (builtin.cpu.arch) {
    .x86_64 => if (builtin.cpu.has(.x86, .avx512f)) 8 else if (builtin.cpu.has(.x86, .avx2)) 4 else 2,
    else => 2,
};
const vector_count = table.block_words / width;
const Vector = @Vector(width, u64);
const Vectors = [vector_count]Vector;

pub fn fill_run(run: *const Run) callconv(.c) void {
    std.debug.assert(run.position < run.end and run.end <= run.length);
    std.debug.assert(run.area > 0 and run.area < run.length);
    switch (run.streams) {
        inline 1...table.streams_max => |streams| if (run.with_xor) fill(streams, true, run) else fill(streams, false, run),
        else => unreachable,
    }
}

pub fn fill_block(previous: *align(64) const Block, reference: *align(64) const Block, target: *align(64) Block, with_xor: bool) callconv(.c) void {
    @setEvalBranchQuota(100_000);
    const nowhere: Next = .{ .memory = null, .length = 1, .window = 0, .area = 1 };
    _ = if (with_xor) compress(true, previous, reference, target, nowhere) else compress(false, previous, reference, target, nowhere);
}

pub fn to_kernel_order(blocks: [*]align(64) Block, count: usize) callconv(.c) void {
    if (width != 8) return;
    for (blocks[0..count]) |*block| {
        const halves: *[32]@Vector(4, u64) = @ptrCast(block);
        const standard = halves.*;
        inline for (0..4) |pair| {
            inline for (0..4) |quarter| {
                halves[8 * pair + 2 * quarter] = standard[8 * pair + quarter];
                halves[8 * pair + 2 * quarter + 1] = standard[8 * pair + 4 + quarter];
            }
        }
    }
}

pub fn to_standard_order(blocks: [*]align(64) Block, count: usize) callconv(.c) void {
    if (width != 8) return;
    for (blocks[0..count]) |*block| {
        const halves: *[32]@Vector(4, u64) = @ptrCast(block);
        const kernel = halves.*;
        inline for (0..4) |pair| {
            inline for (0..4) |quarter| {
                halves[8 * pair + quarter] = kernel[8 * pair + 2 * quarter];
                halves[8 * pair + 4 + quarter] = kernel[8 * pair + 2 * quarter + 1];
            }
        }
    }
}

fn fill(comptime streams: usize, comptime with_xor: bool, run: *const Run) void {
    @setEvalBranchQuota(100_000);
    var references: [streams]u32 = undefined;
    var next: [streams]Next = undefined;
    var previous = if (run.position == 0) run.length - 1 else run.position - 1;
    inline for (0..streams) |s| {
        next[s] = .{ .memory = run.memories[s], .length = run.length, .window = run.window, .area = run.area };
        references[s] = next[s].locate(run.memories[s][previous][0]);
    }
    for (run.position..run.end) |position| {
        inline for (0..streams) |s| {
            const memory = run.memories[s];
            next[s].area += 1;
            references[s] = compress(with_xor, &memory[previous], &memory[references[s]], &memory[position], next[s]);
        }
        previous = @intCast(position);
    }
}

/// Where the block after the present one will find its reference.
const Next = struct {
    memory: ?[*]align(64) const Block,
    length: u32,
    window: u32,
    area: u32,

    /// Index of the block that a first word points to (RFC 9106 section 3.4.1.1 and 3.4.2, Argon2d).
    inline fn locate(next: Next, word: u64) u32 {
        const j1: u64 = @as(u32, @truncate(word));
        const x = (j1 * j1) >> 32;
        const back = (@as(u64, next.area) * x) >> 32;
        const index = next.window + next.area - 1 - @as(u32, @intCast(back));
        return if (index >= next.length) index - next.length else index;
    }
};

/// Computes `target` and returns the index of the next reference block, which is then on its way into the cache.
inline fn compress(
    comptime with_xor: bool,
    previous: *align(64) const Block,
    reference: *align(64) const Block,
    target: *align(64) Block,
    next: Next,
) u32 {
    const from: *const Vectors = @ptrCast(previous);
    const other: *const Vectors = @ptrCast(reference);
    const into: *Vectors = @ptrCast(target);
    var state: Vectors = undefined;
    var keep: Vectors = undefined;
    inline for (0..vector_count) |i| {
        state[i] = from[i] ^ other[i];
        keep[i] = if (with_xor) state[i] ^ into[i] else state[i];
    }
    inline for (0..row_groups) |group| permute_row(&state, group);
    permute_column(&state, 0);
    const index = next.locate((state[0] ^ keep[0])[0]);
    if (next.memory) |memory| {
        const lines: *const [16][64]u8 = @ptrCast(&memory[index]);
        inline for (0..16) |line| @prefetch(&lines[line], .{ .rw = .read, .locality = 3 });
    }
    inline for (1..column_groups) |group| permute_column(&state, group);
    inline for (0..vector_count) |i| into[i] = state[i] ^ keep[i];
    return index;
}

/// Calls that cover the row half, and the column half, of the permutation.
const row_groups = if (width == 8) 4 else 8;
const column_groups = if (width == 2) 8 else 4;

inline fn permute_row(state: *Vectors, comptime group: usize) void {
    switch (width) {
        8, 4 => round_of_four(state, .{ 4 * group, 4 * group + 1, 4 * group + 2, 4 * group + 3 }, row_lane),
        2 => round_of_pairs(state, first_and_step(8 * group, 1)),
        else => comptime unreachable,
    }
}

inline fn permute_column(state: *Vectors, comptime group: usize) void {
    switch (width) {
        8 => round_of_four(state, .{ group, 4 + group, 8 + group, 12 + group }, column_lane),
        4, 2 => round_of_pairs(state, first_and_step(group, vector_count / 8)),
        else => comptime unreachable,
    }
}

fn first_and_step(comptime first: usize, comptime step: usize) [8]usize {
    var indexes: [8]usize = undefined;
    for (&indexes, 0..) |*index, i| index.* = first + i * step;
    return indexes;
}

/// Lane of word k (0 to 3) of instance i, where a register holds whole quarters of `width / 4` rows.
fn row_lane(k: usize, i: usize) usize {
    return 4 * i + k;
}

/// Lane of word k (0 to 3) of instance i, where a register holds words 0 and 1 of two columns, then words 2 and 3.
fn column_lane(k: usize, i: usize) usize {
    return 4 * (k / 2) + 2 * i + k % 2;
}

/// Moves word k + turn to the lane of word k, in every instance.
fn turned(comptime lane: fn (usize, usize) usize, comptime turn: usize) @Vector(width, i32) {
    var mask: [width]i32 = undefined;
    for (0..width / 4) |i| {
        for (0..4) |k| mask[lane(k, i)] = @intCast(lane((k + turn) % 4, i));
    }
    return mask;
}

/// Permutation P where each register holds a whole quarter (words 0–3, 4–7, 8–11 or 12–15) of `width / 4` instances.
/// The diagonal step leaves b in place and turns the others, because b is what the step before finishes last.
inline fn round_of_four(state: *Vectors, comptime at: [4]usize, comptime lane: fn (usize, usize) usize) void {
    var a = state[at[0]];
    var b = state[at[1]];
    var c = state[at[2]];
    var d = state[at[3]];
    quarter_round(&a, &b, &c, &d);
    a = @shuffle(u64, a, undefined, turned(lane, 3));
    c = @shuffle(u64, c, undefined, turned(lane, 1));
    d = @shuffle(u64, d, undefined, turned(lane, 2));
    quarter_round(&a, &b, &c, &d);
    state[at[0]] = @shuffle(u64, a, undefined, turned(lane, 1));
    state[at[1]] = b;
    state[at[2]] = @shuffle(u64, c, undefined, turned(lane, 3));
    state[at[3]] = @shuffle(u64, d, undefined, turned(lane, 2));
}

/// Permutation P where each register holds two neighbouring words of `width / 2` instances, eight registers in all.
inline fn round_of_pairs(state: *Vectors, comptime at: [8]usize) void {
    var v: [8]Vector = undefined;
    inline for (0..8) |i| v[i] = state[at[i]];
    quarter_round(&v[0], &v[2], &v[4], &v[6]);
    quarter_round(&v[1], &v[3], &v[5], &v[7]);
    // Words 4–7 stay; 0–3 turn by three, 8–11 by one, 12–15 by two.
    const a0 = straddle(v[1], v[0]);
    const a1 = straddle(v[0], v[1]);
    const c0 = straddle(v[4], v[5]);
    const c1 = straddle(v[5], v[4]);
    v[0], v[1], v[4], v[5] = .{ a0, a1, c0, c1 };
    quarter_round(&v[0], &v[2], &v[4], &v[7]);
    quarter_round(&v[1], &v[3], &v[5], &v[6]);
    state[at[0]] = straddle(v[0], v[1]);
    state[at[1]] = straddle(v[1], v[0]);
    state[at[2]] = v[2];
    state[at[3]] = v[3];
    state[at[4]] = straddle(v[5], v[4]);
    state[at[5]] = straddle(v[4], v[5]);
    state[at[6]] = v[6];
    state[at[7]] = v[7];
}

/// In each pair of lanes: the second word of `left`, then the first of `right`.
inline fn straddle(left: Vector, right: Vector) Vector {
    const mask = comptime mask: {
        var lanes: [width]i32 = undefined;
        for (0..width / 2) |i| {
            lanes[2 * i] = @intCast(2 * i + 1);
            lanes[2 * i + 1] = ~@as(i32, @intCast(2 * i));
        }
        break :mask lanes;
    };
    return @shuffle(u64, left, right, mask);
}

/// The function GB of RFC 9106 section 3.6.
inline fn quarter_round(a: *Vector, b: *Vector, c: *Vector, d: *Vector) void {
    a.* = multiply_add(a.*, b.*);
    d.* = std.math.rotr(Vector, d.* ^ a.*, 32);
    c.* = multiply_add(c.*, d.*);
    b.* = std.math.rotr(Vector, b.* ^ c.*, 24);
    a.* = multiply_add(a.*, b.*);
    d.* = std.math.rotr(Vector, d.* ^ a.*, 16);
    c.* = multiply_add(c.*, d.*);
    b.* = std.math.rotr(Vector, b.* ^ c.*, 63);
}

/// x + y + 2 × the product of their low halves.
inline fn multiply_add(x: Vector, y: Vector) Vector {
    const low: Vector = @splat(0xffff_ffff);
    const product = (x & low) *% (y & low);
    return x +% y +% product +% product;
}
