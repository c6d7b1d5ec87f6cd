/// Mistakes that a node among others, or the store that they share, could make; each is made on purpose, to see that the
/// watch would notice.
enum NodesBug: CaseIterable {
    // A store that does not hold what it promises.
    case unfencedTakeover
    case twoHolders
    case ignoredPlaces
    /// The place is free with the end although the code goes on.
    case hastyPlace
    case noTakeover
    // A node that does not keep to the rules.
    case longTrust
    case ignoredLoss
    /// What was to be written under a lost lease is sent under the next one.
    case keptWrites
    case hastyNews
    case noNews
    case forgottenMarks
    case ignoredClock
}
