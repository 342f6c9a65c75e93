//! The code that is compiled once per CPU level, behind a table of plain functions.
//!
//! `cpu.zig` chooses a table; everything else calls through it. The table is linked by name, so its layout is shared by
//! both sides through `Kernels` below. Every level must give the same bytes.
const std = @import("std");
const options = @import("build_options");
const blamka = @import("blamka.zig");
const sha256 = @import("sha256.zig");
const table = @import("table.zig");

const kernels: table.Kernels = .{
    .fill_run = blamka.fill_run,
    .fill_block = blamka.fill_block,
    .to_kernel_order = blamka.to_kernel_order,
    .to_standard_order = blamka.to_standard_order,
    .hash_pieces = sha256.hash_pieces,
    .hash_pairs = sha256.hash_pairs,
};

comptime {
    @export(&kernels, .{ .name = "btstore_kernels_" ++ options.level, .visibility = .hidden });
}
