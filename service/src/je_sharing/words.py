"""The words readable ids are made of.

Chosen to be said aloud across a classroom: one word each, friendly or plain, nothing that could
be said of somebody's body or wits to hurt, nothing that makes a class giggle, no two that sound
alike (the tests compare them by Metaphone and by edit distance), and none that is heard as a
commoner word (mussel, plaice).
"""

ADJECTIVES: tuple[str, ...] = tuple(
    """
    able active adept agile airy alert amber amused ancient apt aqua arctic artful atomic
    august autumn avid awake azure balanced bold bouncy brave breezy bright brisk bronze bubbly
    buoyant busy calm candid careful caring casual celestial certain charming cheerful chipper
    classic clean clever cloudy coastal cobalt colorful comic cool copper cordial courteous
    crafty creative crimson crisp curious daily dapper dashing dazzling decent deft delicate
    diligent distant dreamy dutiful eager early earnest elastic elated elegant emerald endless
    epic equal evening exact expert fabled faithful famous fancy fearless festive fine fleet
    floral fluent flying fond formal fresh friendly frosty frugal gallant gentle genuine giggly
    gleaming global glossy glowing golden graceful gracious grand green groovy handy happy
    harmonic hazel hearty helpful heroic hidden honest hopeful humble icy ideal indigo infinite
    inventive ivory jazzy jolly jovial jubilant keen kind kinetic knowing laughing lavender
    leafy lemon level light likable lilac lofty logical loyal lucid lucky lunar lyrical magic
    magnetic majestic maroon mellow melodic merry mighty mindful misty modern modest moonlit
    musical natural neat nifty nimble noble noted novel olive onward open optimal orange
    orderly organic original outgoing patient peaceful peppy perfect playful pleasant plush
    poetic poised polar polite popular precious prime proper proud prudent punctual purple
    quick quiet quirky radiant rainy rapid rare ready regal reliable robust rosy ruby rugged
    rustic saffron salty sapphire savvy scarlet scenic secret serene sharp shiny silent silken
    silver sincere skillful sleek smart smiling smooth snappy snowy snug sociable sparkling
    speedy spirited splendid spotted sprightly spry stable starry steady stellar sterling
    striped strong sturdy stylish sublime subtle superb sure swift tactful tangy thankful
    thoughtful thrifty tidal tidy timely topaz tranquil tropical trusty truthful twinkly ultra
    unique upbeat useful velvet verdant vibrant vigilant vital vivid vocal wandering warm
    watchful wavy welcome whimsical willing windy winged winsome wise witty wonderful woolly
    worthy zealous zesty zippy
    """.split()  # noqa: SIM905 - a list a person can read
)

AQUATIC_ANIMALS: tuple[str, ...] = tuple(
    """
    abalone albatross alligator amberjack anchovy anemone angelfish archerfish argonaut arowana
    avocet axolotl barnacle barracuda beluga blenny bluegill bonito bowfin bream butterflyfish
    caddisfly caiman capybara carp catfish cichlid clam clownfish conch cormorant cowrie
    crayfish crocodile curlew cuttlefish damselfly dipper dolphin dory dragonfly duck dugong
    egret eider flamingo flounder frog gannet gharial goby goldfish goose grebe grouper gull
    guppy gurnard haddock halibut hammerhead heron herring ibis jellyfish kelpfish kingfisher
    limpet lionfish loach lobster loon lumpfish lungfish mackerel mallard manatee marlin mayfly
    minnow monkfish moonfish moorhen moray mudskipper mullet muskrat narwhal nautilus newt
    nutria octopus orca osprey otter oyster parrotfish pelican penguin perch periwinkle petrel
    pickerel pike pipefish platypus plover pompano porpoise pufferfish puffin remora sailfish
    salamander salmon sandpiper sardine scallop sculpin seadragon seahorse seal shad shrimp
    skimmer snapper sponge spoonbill squid starfish stickleback stingray stork sturgeon sunfish
    surgeonfish swan swordfish tadpole terrapin tetra tilapia toad triggerfish triton trout
    tuna turbot turtle urchin wahoo walleye walrus whale whelk zebrafish
    """.split()  # noqa: SIM905 - a list a person can read
)
