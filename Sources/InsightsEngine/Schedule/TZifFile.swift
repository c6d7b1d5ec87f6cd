/// What a TZif file says about offsets; names and daylight flags are left out, as nothing here asks for them.
///
/// Every count in the file is checked against its length before it is used: a truncated or hostile file is
/// refused, never read past its end.
///
/// - SeeAlso: RFC 9636, "The Time Zone Information Format (TZif)".
struct TZifFile {
    /// What the footer says about the time after the last transition.
    enum Footer {
        /// Version 1, or an empty footer: the last offset stays.
        case none
        /// One offset, for ever.
        case fixed(Int32)
        /// Two changes a year.
        case daylight(DaylightRule)
    }

    /// Seconds since 1970 UTC, strictly ascending.
    let transitions: [Int64]
    /// `offsets[i]` holds before `transitions[i]`, in seconds east of UTC; one more than `transitions`.
    let offsets: [Int32]
    let footer: Footer

    init?(_ bytes: [UInt8]) {
        guard var header = Header(bytes, at: 0) else { return nil }
        var timeSize = 4
        if header.version >= 2 {
            // The first block repeats the data in 32 bits for old readers.
            guard let second = Header(bytes, at: header.dataStart + header.dataLength(timeSize: 4)) else { return nil }
            header = second
            timeSize = 8
        }
        let end = header.dataStart + header.dataLength(timeSize: timeSize)
        // Leap seconds ("right/" zones) would put every instant of ours off by half a minute.
        guard end <= bytes.count, header.leapCount == 0, header.typeCount > 0 else { return nil }
        guard let (transitions, offsets) = TZifFile.block(bytes, header, timeSize: timeSize) else { return nil }
        self.transitions = transitions
        self.offsets = offsets
        if header.version < 2 {
            footer = .none
        } else {
            guard let found = TZifFile.footer(bytes[end...]) else { return nil }
            footer = found
        }
    }

    private static func block(_ bytes: [UInt8], _ header: Header, timeSize: Int) -> ([Int64], [Int32])? {
        let indices = header.dataStart + header.timeCount * timeSize
        let types = indices + header.timeCount
        var typeOffsets: [Int32] = []
        for type in 0..<header.typeCount {
            let offset = Int32(truncatingIfNeeded: bigEndian(bytes, at: types + 6 * type, size: 4))
            // Section 3.2: at least -24:59:59 and at most +25:59:59; ``CronSchedule`` relies on it.
            guard (-89_999...93_599).contains(offset) else { return nil }
            typeOffsets.append(offset)
        }
        var transitions: [Int64] = []
        var offsets = [typeOffsets[0]]
        transitions.reserveCapacity(header.timeCount)
        offsets.reserveCapacity(header.timeCount + 1)
        for index in 0..<header.timeCount {
            let time = bigEndian(bytes, at: header.dataStart + index * timeSize, size: timeSize)
            let type = Int(bytes[indices + index])
            let previous = transitions.last ?? Int64.min
            guard type < typeOffsets.count, time > previous || index == 0 else { return nil }
            transitions.append(min(max(time, ZoneSpan.distantPast), ZoneSpan.distantFuture - 1))
            offsets.append(typeOffsets[type])
        }
        return (transitions, offsets)
    }

    private static func footer(_ bytes: ArraySlice<UInt8>) -> Footer? {
        guard bytes.first == 0x0A, let end = bytes.dropFirst().firstIndex(of: 0x0A) else { return nil }
        let text = Array(bytes[(bytes.startIndex + 1)..<end])
        if text.isEmpty { return Footer.none }
        var parser = DaylightRuleParser(text)
        return parser.parse()
    }

    /// A signed big-endian integer of 4 or 8 bytes.
    private static func bigEndian(_ bytes: [UInt8], at position: Int, size: Int) -> Int64 {
        var value: Int64 = size == 4 && bytes[position] >= 0x80 ? -1 : 0
        for byte in bytes[position..<position + size] { value = value << 8 | Int64(byte) }
        return value
    }

    /// The 44 bytes before each data block.
    private struct Header {
        let version: Int
        let dataStart: Int
        let leapCount: Int
        let timeCount: Int
        let typeCount: Int
        private let otherBytes: Int

        init?(_ bytes: [UInt8], at start: Int) {
            guard bytes.count - start >= 44, bytes[start..<start + 4].elementsEqual("TZif".utf8) else { return nil }
            let digit = bytes[start + 4]
            version = digit == 0 ? 1 : Int(digit) - 0x30
            guard version >= 1 else { return nil }
            let counts = (0..<6).map { Int(TZifFile.bigEndian(bytes, at: start + 20 + 4 * $0, size: 4)) }
            // Far above the few hundred of any zone, and low enough that no sum below overflows.
            guard counts.allSatisfy({ (0...100_000).contains($0) }) else { return nil }
            leapCount = counts[2]
            timeCount = counts[3]
            typeCount = counts[4]
            otherBytes = counts[5] + counts[0] + counts[1]
            dataStart = start + 44
        }

        func dataLength(timeSize: Int) -> Int {
            timeCount * (timeSize + 1) + typeCount * 6 + otherBytes + leapCount * (timeSize + 4)
        }
    }
}
