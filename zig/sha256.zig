//! SHA-256 of many equally long messages at once (FIPS 180-4): two at a time with SHA-NI, otherwise one per vector lane.
//!
//! Only the two shapes that Merkle trees need (RFC 9162 section 2.1.1): a prefix and a piece, and a pair of digests.
const std = @import("std");
const builtin = @import("builtin");
const table = @import("table.zig");

const has_sha_ni = builtin.cpu.arch == .x86_64 and builtin.cpu.has(.x86, .sha);

/// Messages hashed side by side.
const lanes = switch (builtin.cpu.arch) {
    .x86_64 => if (has_sha_ni) 2 else if (builtin.cpu.has(.x86, .avx512f)) 16 else if (builtin.cpu.has(.x86, .avx2)) 8 else 4,
    else => 4,
};

/// SHA-256 blocks of a padded message of `size` bytes.
fn padded_blocks(size: usize) usize {
    return (size + 1 + 8 + 63) / 64;
}

const piece_blocks_max = padded_blocks(table.prefix_size_max + table.piece_size);
const pair_size = 1 + 2 * table.digest_size;
const pair_blocks = padded_blocks(pair_size);

pub fn hash_pieces(prefix: [*]const u8, prefix_size: usize, pieces: [*]const u8, count: usize, digests: [*]u8, digest_stride: usize) callconv(.c) void {
    std.debug.assert(prefix_size >= 1 and prefix_size <= table.prefix_size_max);
    const size = prefix_size + table.piece_size;
    const stride = 64 * padded_blocks(size);
    var messages: [lanes * piece_blocks_max * 64]u8 align(64) = undefined;
    for (0..lanes) |lane| {
        const message = messages[lane * stride ..][0..stride];
        @memcpy(message[0..prefix_size], prefix[0..prefix_size]);
        pad(message, size);
    }
    var first: usize = 0;
    while (first < count) : (first += lanes) {
        const present = @min(lanes, count - first);
        for (0..present) |lane| {
            @memcpy(messages[lane * stride + prefix_size ..][0..table.piece_size], pieces[(first + lane) * table.piece_size ..][0..table.piece_size]);
        }
        var results: [lanes][table.digest_size]u8 = undefined;
        hash_padded(&messages, stride / 64, &results);
        for (results[0..present], 0..) |*digest, lane| @memcpy(digests[(first + lane) * digest_stride ..][0..table.digest_size], digest);
    }
}

pub fn hash_pairs(pairs: [*]const u8, count: usize, digests: [*]u8) callconv(.c) void {
    const stride = 64 * pair_blocks;
    var messages: [lanes * stride]u8 align(64) = undefined;
    for (0..lanes) |lane| {
        const message = messages[lane * stride ..][0..stride];
        message[0] = 0x01;
        pad(message, pair_size);
    }
    var first: usize = 0;
    while (first < count) : (first += lanes) {
        const present = @min(lanes, count - first);
        for (0..present) |lane| {
            @memcpy(messages[lane * stride + 1 ..][0 .. 2 * table.digest_size], pairs[(first + lane) * 2 * table.digest_size ..][0 .. 2 * table.digest_size]);
        }
        var results: [lanes][table.digest_size]u8 = undefined;
        hash_padded(&messages, pair_blocks, &results);
        for (results[0..present], 0..) |*digest, lane| @memcpy(digests[(first + lane) * table.digest_size ..][0..table.digest_size], digest);
    }
}

/// Writes the padding of a message of `size` bytes into its last block or two.
fn pad(message: []u8, size: usize) void {
    @memset(message[size..], 0);
    message[size] = 0x80;
    std.mem.writeInt(u64, message[message.len - 8 ..][0..8], size * 8, .big);
}

/// Digests of `lanes` padded messages of `block_count` blocks each, back to back.
fn hash_padded(messages: [*]const u8, block_count: usize, digests: *[lanes][table.digest_size]u8) void {
    @setEvalBranchQuota(100_000);
    if (has_sha_ni) return hash_two(messages, block_count, digests);
    var state: [8]Words = undefined;
    for (&state, initial) |*words, value| words.* = @splat(value);
    for (0..block_count) |block| {
        var schedule: [16]Words = undefined;
        inline for (0..16 / rows_per_load) |part| {
            var rows: [lanes]Words = undefined;
            inline for (0..lanes) |lane| {
                const bytes: *const [4 * rows_per_load]u8 = messages[(lane * block_count + block) * 64 + 4 * rows_per_load * part ..][0 .. 4 * rows_per_load];
                rows[lane] = @byteSwap(@as(Words, @bitCast(bytes.*)));
            }
            transpose(&rows);
            inline for (0..rows_per_load) |i| schedule[rows_per_load * part + i] = rows[i];
        }
        compress(&state, &schedule);
    }
    const result: [8][lanes]u32 = @bitCast(state);
    for (digests, 0..) |*digest, lane| {
        inline for (0..8) |i| std.mem.writeInt(u32, digest[4 * i ..][0..4], result[i][lane], .big);
    }
}

const Words = @Vector(lanes, u32);
/// Message words that one vector load covers, and one square transposition turns.
const rows_per_load = lanes;

/// Turns `lanes` vectors of `lanes` words around their diagonal, by perfect shuffles.
inline fn transpose(rows: *[lanes]Words) void {
    const half = lanes / 2;
    const low = comptime interleave(0);
    const high = comptime interleave(half);
    comptime var step = 1;
    inline while (step < lanes) : (step *= 2) {
        const before = rows.*;
        inline for (0..half) |i| {
            rows[2 * i] = @shuffle(u32, before[i], before[i + half], low);
            rows[2 * i + 1] = @shuffle(u32, before[i], before[i + half], high);
        }
    }
}

fn interleave(first: usize) @Vector(lanes, i32) {
    var mask: [lanes]i32 = undefined;
    for (0..lanes / 2) |i| {
        mask[2 * i] = @intCast(first + i);
        mask[2 * i + 1] = ~@as(i32, @intCast(first + i));
    }
    return mask;
}

inline fn compress(state: *[8]Words, schedule: *[16]Words) void {
    var a, var b, var c, var d, var e, var f, var g, var h = state.*;
    inline for (0..64) |round| {
        const w = &schedule[round % 16];
        if (round >= 16) {
            const w1 = schedule[(round + 1) % 16];
            const w14 = schedule[(round + 14) % 16];
            w.* = w.* +% small_sigma(w1, 7, 18, 3) +% schedule[(round + 9) % 16] +% small_sigma(w14, 17, 19, 10);
        }
        const t1 = h +% big_sigma(e, 6, 11, 25) +% (g ^ (e & (f ^ g))) +% @as(Words, @splat(constants[round])) +% w.*;
        const t2 = big_sigma(a, 2, 13, 22) +% ((a & b) | (c & (a | b)));
        h, g, f, e, d, c, b, a = .{ g, f, e, d +% t1, c, b, a, t1 +% t2 };
    }
    inline for (state, .{ a, b, c, d, e, f, g, h }) |*into, value| into.* +%= value;
}

inline fn big_sigma(x: Words, comptime i: u5, comptime j: u5, comptime k: u5) Words {
    return std.math.rotr(Words, x, i) ^ std.math.rotr(Words, x, j) ^ std.math.rotr(Words, x, k);
}

inline fn small_sigma(x: Words, comptime i: u5, comptime j: u5, comptime k: u5) Words {
    return std.math.rotr(Words, x, i) ^ std.math.rotr(Words, x, j) ^ (x >> @splat(k));
}

const Four = @Vector(4, u32);

/// Two messages side by side with SHA-NI: its round instruction waits for itself, so a second message is nearly free.
fn hash_two(messages: [*]const u8, block_count: usize, digests: *[lanes][table.digest_size]u8) void {
    @setEvalBranchQuota(100_000);
    var x: [2]Four = @splat(.{ initial[5], initial[4], initial[1], initial[0] });
    var y: [2]Four = @splat(.{ initial[7], initial[6], initial[3], initial[2] });
    for (0..block_count) |block| {
        const x_before = x;
        const y_before = y;
        var schedule: [2][4]Four = undefined;
        inline for (0..16) |step| {
            inline for (0..2) |i| {
                const words = &schedule[i];
                if (step < 4) {
                    const bytes: *const [16]u8 = messages[(i * block_count + block) * 64 + 16 * step ..][0..16];
                    words[step] = @byteSwap(@as(Four, @bitCast(bytes.*)));
                } else {
                    words[step % 4] = next_words(words[step % 4], words[(step + 1) % 4], words[(step + 2) % 4], words[(step + 3) % 4]);
                }
                const w = words[step % 4] +% @as(Four, constants[4 * step ..][0..4].*);
                y[i] = two_rounds(y[i], x[i], w);
                x[i] = two_rounds(x[i], y[i], @shuffle(u32, w, undefined, [4]i32{ 2, 3, 2, 3 }));
            }
        }
        inline for (0..2) |i| {
            x[i] +%= x_before[i];
            y[i] +%= y_before[i];
        }
    }
    for (digests, 0..) |*digest, i| {
        const words = [8]u32{ x[i][3], x[i][2], y[i][3], y[i][2], x[i][1], x[i][0], y[i][1], y[i][0] };
        inline for (words, 0..) |word, k| std.mem.writeInt(u32, digest[4 * k ..][0..4], word, .big);
    }
}

/// Words t to t + 3 of the schedule from the sixteen before.
inline fn next_words(w0: Four, w4: Four, w8: Four, w12: Four) Four {
    const partial = asm ("sha256msg1 %[w4], %[w0]"
        : [w0] "=x" (-> Four),
        : [_] "0" (w0),
          [w4] "x" (w4),
    );
    const sum = partial +% @shuffle(u32, w8, w12, [4]i32{ 1, 2, 3, ~@as(i32, 0) });
    return asm ("sha256msg2 %[w12], %[sum]"
        : [sum] "=x" (-> Four),
        : [_] "0" (sum),
          [w12] "x" (w12),
    );
}

inline fn two_rounds(into: Four, other: Four, words: Four) Four {
    return asm ("sha256rnds2 %[other], %[into]"
        : [into] "=x" (-> Four),
        : [_] "0" (into),
          [other] "x" (other),
          [_] "{xmm0}" (words),
    );
}

const initial = [8]u32{ 0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19 };

const constants = [64]u32{
    0x428A2F98, 0x71374491, 0xB5C0FBCF, 0xE9B5DBA5, 0x3956C25B, 0x59F111F1, 0x923F82A4, 0xAB1C5ED5,
    0xD807AA98, 0x12835B01, 0x243185BE, 0x550C7DC3, 0x72BE5D74, 0x80DEB1FE, 0x9BDC06A7, 0xC19BF174,
    0xE49B69C1, 0xEFBE4786, 0x0FC19DC6, 0x240CA1CC, 0x2DE92C6F, 0x4A7484AA, 0x5CB0A9DC, 0x76F988DA,
    0x983E5152, 0xA831C66D, 0xB00327C8, 0xBF597FC7, 0xC6E00BF3, 0xD5A79147, 0x06CA6351, 0x14292967,
    0x27B70A85, 0x2E1B2138, 0x4D2C6DFC, 0x53380D13, 0x650A7354, 0x766A0ABB, 0x81C2C92E, 0x92722C85,
    0xA2BFE8A1, 0xA81A664B, 0xC24B8B70, 0xC76C51A3, 0xD192E819, 0xD6990624, 0xF40E3585, 0x106AA070,
    0x19A4C116, 0x1E376C08, 0x2748774C, 0x34B0BCB5, 0x391C0CB3, 0x4ED8AA4A, 0x5B9CCA4F, 0x682E6FF3,
    0x748F82EE, 0x78A5636F, 0x84C87814, 0x8CC70208, 0x90BEFFFA, 0xA4506CEB, 0xBEF9A3F7, 0xC67178F2,
};
