//! Merkle trees over pieces (RFC 9162 section 2.1.1): leaf = SHA-256(0x00 ‖ piece), node = SHA-256(0x01 ‖ left ‖ right).
//!
//! The RFC splits n leaves at the largest power of two below n. That is the same tree as pairing level by level, where
//! the last node of an odd level goes up unchanged.
const std = @import("std");
const table = @import("table.zig");

pub const digest_size = table.digest_size;
pub const piece_size = table.piece_size;
pub const pieces_per_stripe = 128;
pub const stripe_size = pieces_per_stripe * piece_size;
pub const nonce_size = 32;

/// Digests in the tree of one stripe: 128 + 64 + … + 1.
pub const tree_nodes = 2 * pieces_per_stripe - 1;
pub const Digest = [digest_size]u8;
pub const Tree = [tree_nodes]Digest;

comptime {
    std.debug.assert(std.math.isPowerOfTwo(pieces_per_stripe));
    std.debug.assert(table.prefix_size_max == 1 + nonce_size);
}

pub const leaf_prefix = "\x00";

/// Writes the whole tree of one stripe, level by level, leaves first and the root last. With a nonce the leaves are
/// SHA-256(0x00 ‖ nonce ‖ piece).
pub fn stripe_tree(kernels: *const table.Kernels, stripe: *const [stripe_size]u8, nonce: ?*const [nonce_size]u8, tree: *Tree) void {
    var prefix: [1 + nonce_size]u8 = undefined;
    prefix[0] = leaf_prefix[0];
    if (nonce) |salt| prefix[1..].* = salt.*;
    kernels.hash_pieces(&prefix, if (nonce == null) 1 else prefix.len, stripe, pieces_per_stripe, &tree[0], digest_size);
    var level: usize = 0;
    var count: usize = pieces_per_stripe;
    while (count > 1) : (count /= 2) {
        kernels.hash_pairs(&tree[level], count / 2, &tree[level + count]);
        level += count;
    }
}

/// Replaces the digests of one level by those of the next and returns how many there are.
fn climb(kernels: *const table.Kernels, nodes: []Digest) usize {
    const pairs = nodes.len / 2;
    const last = nodes[nodes.len - 1];
    kernels.hash_pairs(&nodes[0], pairs, &nodes[0]);
    if (nodes.len % 2 == 1) nodes[pairs] = last;
    return pairs + nodes.len % 2;
}

/// The root over `nodes`, which is used up.
pub fn root(kernels: *const table.Kernels, nodes: []Digest) Digest {
    std.debug.assert(nodes.len >= 1);
    var count = nodes.len;
    while (count > 1) count = climb(kernels, nodes[0..count]);
    return nodes[0];
}

/// Siblings on the way from node `index` to the root over `node_count` nodes.
pub fn path_length(node_count: usize, index: usize) usize {
    std.debug.assert(index < node_count);
    var length: usize = 0;
    var count = node_count;
    var at = index;
    while (count > 1) : (count = count / 2 + count % 2) {
        if (at ^ 1 < count) length += 1;
        at /= 2;
    }
    return length;
}

/// Writes the siblings on the way from node `index` to the root, leaf's first. `nodes` is used up.
pub fn path(kernels: *const table.Kernels, nodes: []Digest, index: usize, siblings: []Digest) void {
    std.debug.assert(siblings.len == path_length(nodes.len, index));
    var count = nodes.len;
    var at = index;
    var next: usize = 0;
    while (count > 1) {
        if (at ^ 1 < count) {
            siblings[next] = nodes[at ^ 1];
            next += 1;
        }
        at /= 2;
        count = climb(kernels, nodes[0..count]);
    }
}

test "hash_pieces and hash_pairs are SHA-256, at every level of this machine and for every count around a vector's width" {
    const cpu = @import("cpu.zig");
    const Sha256 = std.crypto.hash.sha2.Sha256;
    var random = std.Random.DefaultPrng.init(1);
    var pieces: [17 * piece_size]u8 = undefined;
    random.random().bytes(&pieces);
    var prefix: [table.prefix_size_max]u8 = undefined;
    random.random().bytes(&prefix);
    for (std.enums.values(cpu.Level)) |level| {
        if (!level.is_present()) continue;
        const kernels = level.kernels();
        for (1..18) |count| {
            for ([_]usize{ 1, 33 }) |prefix_size| {
                var digests: [2 * 17]Digest = undefined;
                kernels.hash_pieces(&prefix, prefix_size, &pieces, count, &digests[0], 2 * digest_size);
                for (0..count) |i| {
                    var hash = Sha256.init(.{});
                    hash.update(prefix[0..prefix_size]);
                    hash.update(pieces[i * piece_size ..][0..piece_size]);
                    try std.testing.expectEqual(hash.finalResult(), digests[2 * i]);
                }
            }
            var digests: [17]Digest = undefined;
            kernels.hash_pairs(&pieces, count, &digests[0]);
            for (digests[0..count], 0..) |digest, i| {
                var hash = Sha256.init(.{});
                hash.update("\x01");
                hash.update(pieces[i * 64 ..][0..64]);
                try std.testing.expectEqual(hash.finalResult(), digest);
            }
        }
    }
}
