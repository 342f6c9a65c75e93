//! What only the kernel can do to a file: reserve its space, and let go of what it keeps of it in memory.
const std = @import("std");
const builtin = @import("builtin");

pub const Error = error{ DiskFull, DiskFailed, Unsupported };

/// Reserves space for the first `size` bytes and makes the file at least that long; what is in it stays.
pub fn preallocate(file: std.posix.fd_t, size: u63) Error!void {
    if (builtin.os.tag != .linux) return error.Unsupported;
    while (true) {
        switch (std.os.linux.errno(std.os.linux.fallocate(file, 0, 0, size))) {
            .SUCCESS => return,
            .INTR => {},
            .NOSPC, .DQUOT, .FBIG => return error.DiskFull,
            .OPNOTSUPP, .NOSYS => return error.Unsupported,
            else => return error.DiskFailed,
        }
    }
}

/// Drops a file's clean pages from the page cache. Pages not yet written stay: the caller syncs first.
pub fn drop(file: std.posix.fd_t) error{DiskFailed}!void {
    // Only Linux is built for; elsewhere nothing would be measured but memory.
    if (builtin.os.tag != .linux) return error.DiskFailed;
    const dont_need = std.os.linux.POSIX_FADV.DONTNEED;
    if (std.os.linux.errno(std.os.linux.fadvise(file, 0, 0, dont_need)) != .SUCCESS) return error.DiskFailed;
}

test "preallocate() makes a file as long as asked and refuses what is no file" {
    if (builtin.os.tag != .linux) return error.SkipZigTest;
    const file: std.posix.fd_t = @intCast(std.os.linux.memfd_create("preallocate", 0));
    defer _ = std.c.close(file);
    try preallocate(file, 1 << 20);
    try std.testing.expectEqual(1 << 20, std.c.lseek(file, 0, std.c.SEEK.END));
    try std.testing.expectError(error.DiskFailed, preallocate(-1, 1));
}

test "drop() takes an open file and refuses what is none" {
    if (builtin.os.tag != .linux) return error.SkipZigTest;
    const file: std.posix.fd_t = @intCast(std.os.linux.memfd_create("drop", 0));
    defer _ = std.c.close(file);
    try drop(file);
    try std.testing.expectError(error.DiskFailed, drop(-1));
}
