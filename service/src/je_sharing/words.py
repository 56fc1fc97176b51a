"""The words readable ids are made of.

Chosen to be said aloud across a classroom: one word each, friendly or plain, nothing that could
be said of somebody's body or wits to hurt, nothing that makes a class giggle, no two that sound
alike (the tests compare them by Metaphone and by edit distance), and none that is heard as a
commoner word (mussel, plaice).
"""

ADJECTIVES: tuple[str, ...] = tuple(
    """
    able active adaptable adept agile airborne airy alert amber amiable amused ancient apt aqua
    arctic artful artistic astral atomic attentive august autumn autumnal avid awake azure balanced
    blissful blossoming bold bouncy bountiful bracing brave breezy bright brilliant brisk bronze
    bubbly buoyant bustling busy calm candid capable carefree careful caring casual celestial
    certain charming cheerful cherished chipper chivalrous cinnamon circular classic clean clever
    cloudy coastal cobalt coherent colorful comic complete composed concise confident constant
    contented convivial cool copper cordial courteous crackling crafty creative crimson crisp
    crystal cultured curious daily dapper dashing dazzling decent deft delicate deluxe dependable
    determined devoted dignified diligent distant dreamy durable dutiful dynamic eager early earnest
    earthy eclectic effortless elastic elated elegant emerald enchanted endless energetic engaging
    epic equal evening exact expert expressive exuberant fabled faithful familiar famous fancy
    fascinating fearless feathered festive fine fizzy fleet flexible floating floral flourishing
    fluent flying focused fond formal fragrant fresh friendly frosty frugal gallant generous gentle
    genuine giggly gleaming glittering global glossy glowing golden graceful gracious grand green
    grinning groovy handy happy harmless harmonic hazel hearty helpful heroic hidden hilarious
    honest hopeful hospitable humble humming humorous icebound icy ideal imaginative impartial
    incredible indigo infinite informed ingenious insightful inspired instant interesting intrepid
    inventive ivory jaunty jazzy jolly jovial jubilant judicious jumping keen kind kinetic knowing
    lasting laughing lavender leafy lemon level light likable lilac limber lofty logical loyal lucid
    lucky luminous lunar luxurious lyrical magenta magic magnetic magnificent majestic marble maroon
    measured mellow melodic memorable merry meticulous mighty mindful misty modern modest moonlit
    mossy mountainous musical musing mysterious natural nautical neat nifty nimble noble nocturnal
    notable noted nourishing novel observant oceanic olive onward open optimal optimistic orange
    orderly organic original ornate outdoor outgoing painted pastel patient peaceful pebbly peppy
    perfect persistent picturesque pioneering pistachio pivotal playful pleasant plentiful plush
    poetic poised polar polished polite popular practical precious prime pristine productive
    prominent proper proud prudent punctual purple quick quiet quirky quotable radiant rainy rapid
    rare rational ready refined refreshing regal relaxed reliable remarkable resilient resolute
    resourceful respectful rhythmic robust rosy rousing ruby rugged rustic saffron salty sapphire
    savvy scarlet scenic scientific secret sensible serene sharp shimmering shiny silent silken
    silver sincere skillful sleek smart smiling smooth snappy snowy snug sociable soothing spacious
    sparkling speedy spellbound spiral spirited splendid spontaneous spotted sprightly spry stable
    stalwart starlit starry steady stellar sterling striped strong studious sturdy stylish sublime
    subtle summery sunlit superb supersonic sure sweeping swift swirling sympathetic symphonic
    systematic tactful talented tangy tasteful terrific thankful thoughtful thrifty tidal tidy
    timely tireless tolerant topaz tranquil treasured triumphant tropical trusty truthful tuneful
    turquoise twinkly ultra unabashed unbiased undaunted unfazed unique upbeat upright useful velvet
    venturesome verdant versatile vibrant victorious vigilant visionary vital vivacious vivid vocal
    volcanic wakeful waltzing wandering warm watchful waterproof wavy welcome whimsical whirling
    whispering wholesome willing windswept windy winged winning winsome wintry wise witty wonderful
    woolly worthy zealous zesty zigzag zippy
    """.split()  # noqa: SIM905 - a list a person can read
)

ANIMALS: tuple[str, ...] = tuple(
    """
    aardvark abalone albatross alligator alpaca amberjack ammonite anchovy anemone angelfish anole
    antelope archerfish argonaut armadillo arowana avocet axolotl badger bandicoot barnacle
    barracuda beetle beluga bison bittern blackbird blackbuck blenny bluebird bluegill bobcat
    bobolink bonito bowfin bream bronco bulbul bullfinch bullfrog bumblebee bunting butterfly
    butterflyfish buzzard caddisfly caiman camel canary capybara caracal cardinal carp cassowary
    caterpillar catfish chaffinch chameleon chickadee chinchilla chipmunk cichlid civet clam
    clownfish conch corgi cormorant cowrie coyote crayfish crocodile curlew cuttlefish dalmatian
    damselfly dingo dipper dolphin dormouse dory dragonfly dromedary duck duckling dugong dunlin
    eagle echidna egret eider eland elephant emu ermine falcon fawn fennec ferret fieldfare finch
    firefly flamingo flounder flycatcher francolin frog galago gannet gazelle gecko genet gerbil
    gharial giraffe goby goldcrest goldfinch goldfish goose goshawk gosling grasshopper grebe
    greenfinch groundhog grouper grouse gull guppy gurnard haddock halibut hammerhead hamster
    harrier hawk hawkmoth hedgehog heron herring hornbill hummingbird husky ibex ibis iguana impala
    jackdaw jackrabbit jaguar jellyfish jerboa kangaroo katydid kelpfish kestrel kingfisher kinkajou
    kittiwake kiwi komodo kookaburra kudu lacewing ladybird ladybug lapwing lark lemming lemur
    leopard limpet linnet lionfish lizard llama loach lobster loon lorikeet lumpfish lungfish
    lyrebird macaw mackerel magpie mallard mammoth manatee mantis marlin marmoset marmot marten
    mastodon mayfly meerkat merganser minnow mockingbird mongoose monkfish moonfish moorhen moray
    mouflon mudskipper mullet muskrat mustang narwhal nautilus newt nightingale nightjar numbat
    nuthatch nutria ocelot octopus okapi opossum orca oriole oryx osprey ostrich otter ovenbird owl
    oyster panda pangolin panther parakeet parrot parrotfish partridge pelican penguin perch
    peregrine periwinkle petrel pheasant pickerel pigeon pike pipefish pipit platypus plover pompano
    poodle porcupine porpoise pronghorn pufferfish puffin puma quetzal quokka rabbit raccoon raven
    redstart reindeer remora retriever roadrunner robin rosella sailfish salamander salmon
    sandgrouse sandpiper sardine scallop sculpin seadragon seahorse seal serval shad sheepdog
    shelduck shoveler shrimp siskin skimmer skink skylark snapper spaniel sparrow sponge spoonbill
    springbok squid squirrel starfish starling stickleback stingray stoat stonefly stork sturgeon
    sugarglider sunbird sunfish surgeonfish swallowtail swan swordfish tadpole tamarin tanager
    tarsier tenrec terrapin terrier tetra thrush tiger tilapia toad tortoise toucan treecreeper
    treefrog triggerfish trilobite triton trout tuna turaco turbot turtle urchin vicuna wagtail
    wahoo wallaby wallaroo walleye walrus warbler waterbuck waxwing weaverbird whale whelk whimbrel
    whippet wildcat wildebeest wolf wolverine wombat woodchuck woodlark wren yak zebra zebrafish
    zebu
    """.split()  # noqa: SIM905 - a list a person can read
)
