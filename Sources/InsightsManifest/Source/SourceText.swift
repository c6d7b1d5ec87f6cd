/// A stretch of the manifest's bytes.
struct Place: Hashable {
    /// The first byte, from 0.
    var start: Int
    /// One past the last byte; equal to `start` where something is missing.
    var end: Int
}

/// Why bytes are not text that YAML can be read from.
struct TextFault: Hashable {
    enum Kind: Hashable {
        /// No part of any UTF-8 text.
        case notUTF8
        /// A control character, which YAML does not allow.
        case control(UInt8)
    }

    var kind: Kind
    var place: Place
}

/// The bytes of a manifest, with the way from a byte to its line and column, and from libyaml's count to a byte.
///
/// Lines end at `\n`, `\r\n` and `\r`, as editors count them; libyaml also ends them at U+0085, U+2028 and
/// U+2029, so its own lines and columns are not used. Columns are Unicode scalars.
///
/// Waypoints a kilobyte apart make every look-up cheap, whatever the length of the lines.
struct SourceText {
    /// At most 4 GiB.
    let bytes: [UInt8]
    /// Everything that is not UTF-8 or not allowed, in order, the first ``faultLimit`` and one more.
    let faults: [TextFault]
    private let isASCII: Bool
    private let waypoints: [Waypoint]

    /// A binary file has no more places worth telling than this.
    static let faultLimit = 100
    private static let stride = 1024

    /// Reads the bytes once.
    ///
    /// - Complexity: O(bytes); about 16 bytes of memory a kilobyte.
    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var faults: [TextFault] = []
        var waypoints: [Waypoint] = []
        waypoints.reserveCapacity(bytes.count / SourceText.stride + 1)
        var point = Waypoint()
        bytes.withUnsafeBufferPointer { buffer in
            var next = 0
            while point.byte < buffer.count {
                if point.byte >= next {
                    waypoints.append(point)
                    next = (Int(point.byte) / SourceText.stride + 1) * SourceText.stride
                }
                let start = Int(point.byte)
                guard let kind = point.step(in: buffer), faults.count <= SourceText.faultLimit else { continue }
                faults.append(TextFault(kind: kind, place: Place(start: start, end: Int(point.byte))))
            }
        }
        if waypoints.isEmpty { waypoints.append(point) }
        self.faults = faults
        self.waypoints = waypoints
        isASCII = point.scalar == point.byte
    }

    /// The line and column of a byte, both from 1.
    ///
    /// - Complexity: O(1): at most a kilobyte is read.
    func position(of offset: Int) -> (line: Int, column: Int) {
        let point = waypoint(at: offset)
        return (Int(point.line), Int(point.column))
    }

    /// The byte at which the scalar with this index begins, as libyaml's marks count them.
    ///
    /// - Parameter cursor: Where the last look-up ended. Look-ups mostly go forward, and then cost no more
    ///   than the text in between.
    func offset(ofScalar index: Int, near cursor: inout Waypoint) -> Int {
        if isASCII { return min(index, bytes.count) }
        let target = UInt32(clamping: index)
        if target < cursor.scalar || target - cursor.scalar > UInt32(SourceText.stride) {
            cursor = waypoints[lastWaypoint { $0.scalar <= target }]
        }
        bytes.withUnsafeBufferPointer { buffer in
            while cursor.scalar < target, cursor.byte < buffer.count { _ = cursor.step(in: buffer) }
        }
        return Int(cursor.byte)
    }

    /// Where the line that `offset` lies in ends, its line break left out; at most `limit` bytes on.
    func lineEnd(from offset: Int, limit: Int) -> Int {
        let last = min(bytes.count, offset + limit)
        var index = offset
        while index < last, bytes[index] != 0x0A, bytes[index] != 0x0D { index += 1 }
        return index
    }

    /// The state of a walk through the text just before the byte `offset`.
    private func waypoint(at offset: Int) -> Waypoint {
        let target = UInt32(clamping: min(offset, bytes.count))
        var point = waypoints[lastWaypoint { $0.byte <= target }]
        bytes.withUnsafeBufferPointer { buffer in
            while point.byte < target { _ = point.step(in: buffer) }
        }
        return point
    }

    /// The last waypoint for which `isBefore` holds; it holds for the first one.
    private func lastWaypoint(_ isBefore: (Waypoint) -> Bool) -> Int {
        var low = 0
        var high = waypoints.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if isBefore(waypoints[middle]) { low = middle } else { high = middle - 1 }
        }
        return low
    }
}

/// A place in a walk through the text.
struct Waypoint {
    /// The byte that comes next, from 0.
    var byte: UInt32 = 0
    /// How many scalars came before it.
    var scalar: UInt32 = 0
    /// From 1.
    var line: UInt32 = 1
    /// From 1.
    var column: UInt32 = 1

    /// Goes one scalar on; bytes that are no UTF-8 count as one scalar, as a decoder would replace them by one.
    ///
    /// - Precondition: `byte` lies in the text.
    /// - Returns: What is wrong with the scalar.
    mutating func step(in text: UnsafeBufferPointer<UInt8>) -> TextFault.Kind? {
        let first = text[Int(byte)]
        scalar += 1
        if first >= 0x80 {
            let (length, isValid) = UTF8Sequence.measure(text, at: Int(byte))
            let isControl = isValid && first == 0xC2 && text[Int(byte) + 1] < 0xA0 && text[Int(byte) + 1] != 0x85
            let fault: TextFault.Kind? = isControl ? .control(text[Int(byte) + 1]) : isValid ? nil : .notUTF8
            byte += UInt32(length)
            column += 1
            return fault
        }
        byte += 1
        let isBreak = first == 0x0A || (first == 0x0D && !(Int(byte) < text.count && text[Int(byte)] == 0x0A))
        if isBreak {
            line += 1
            column = 1
        } else {
            column += 1
        }
        let isControl = first < 0x20 && first != 0x09 && first != 0x0A && first != 0x0D || first == 0x7F
        return isControl ? .control(first) : nil
    }
}
