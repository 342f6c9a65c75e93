//! Letting go of what the kernel keeps of a file, so that the disk itself can be measured.
const std = @import("std");
const builtin = @import("builtin");

/// Drops a file's clean pages from the page cache. Pages not yet written stay: the caller syncs first.
pub fn drop(file: std.posix.fd_t) error{DiskFailed}!void {
    // Only Linux is built for; elsewhere nothing would be measured but memory.
    if (builtin.os.tag != .linux) return error.DiskFailed;
    const dont_need = std.os.linux.POSIX_FADV.DONTNEED;
    if (std.os.linux.errno(std.os.linux.fadvise(file, 0, 0, dont_need)) != .SUCCESS) return error.DiskFailed;
}

test "drop() takes an open file and refuses what is none" {
    if (builtin.os.tag != .linux) return error.SkipZigTest;
    const file: std.posix.fd_t = @intCast(std.os.linux.memfd_create("drop", 0));
    defer _ = std.c.close(file);
    try drop(file);
    try std.testing.expectError(error.DiskFailed, drop(-1));
}
