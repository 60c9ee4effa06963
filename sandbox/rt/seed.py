"""What a new Request Tracker is told before it serves: its settings, its data, its tokens."""

from pathlib import Path

#: Users of the two tokens: who sets up, and who has the rights of docs/request-tracker.md alone.
ADMINISTRATOR, INTEGRATION = "root", "trueup"

#: Service levels, and within how many minutes they resolve.
LEVELS = {"standard": 4320, "premium": 480}

#: What the user of the integration may do; the last two only where open tickets follow a tier.
RIGHTS = (
    *("ShowCatalog", "ShowAsset", "CreateAsset", "ModifyAsset"),
    *("SeeCustomField", "ModifyCustomField"),
    *("SeeQueue", "ShowTicket", "ModifyTicket"),
)

_DATA = """
@Queues = ({ Name => 'Support', Description => 'Support', SLADisabled => 0 });
1;
"""

_PEOPLE = """
use lib '/usr/share/request-tracker5/lib';
use RT -init;
my $user = RT::User->new(RT->SystemUser);
my ($made, $said) = $user->Create(Name => '{integration}', Privileged => 1);
die $said unless $made;
for my $right (qw({rights})) {
    my ($ok, $why) = $user->PrincipalObj->GrantRight(Right => $right, Object => RT->System);
    die "$right: $why" unless $ok;
}
for my $name (qw({administrator} {integration})) {
    my $owner = RT::User->new(RT->SystemUser);
    $owner->Load($name);
    my $token = RT::AuthToken->new(RT->SystemUser);
    my ($ok, $why, $secret) = $token->Create(Owner => $owner->Id, Description => 'tests');
    die $why unless $ok;
    print "$secret\\n";
}
"""


def write_settings(folder: Path, port: int) -> Path:
    """Everything in the folder, one SQLite file, passwords that are cheap to look at."""
    levels = ", ".join(
        f"{name} => {{ Resolve => {{ RealMinutes => {minutes} }} }}"
        for name, minutes in LEVELS.items()
    )
    path = folder / "RT_SiteConfig.pm"
    path.write_text(
        f"""
Set($BcryptCost, 4);
Set($rtname, 'support.example');
Set($Organization, 'support.example');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {port});
Set($WebPath, '');
Set($WebBaseURL, 'http://127.0.0.1:{port}');
Set($Timezone, 'America/New_York');
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{folder}/rt.sqlite');
Set($MasonDataDir, '{folder}/mason');
Set($MasonSessionDir, '{folder}/sessions');
Set($LogToSyslog, undef);
Set($LogToSTDERR, 'warning');
Set($MailCommand, 'testfile');
Set(%ServiceAgreements, (Default => 'standard', Levels => {{ {levels} }}));
1;
""",
        encoding="utf-8",
    )
    return path


def write_data(folder: Path) -> Path:
    path = folder / "data.pl"
    path.write_text(_DATA, encoding="utf-8")
    return path


def write_people(folder: Path) -> Path:
    """A program that prints two tokens, the administrator's first."""
    path = folder / "people.pl"
    filled = _PEOPLE.replace("{rights}", " ".join(RIGHTS))
    filled = filled.replace("{administrator}", ADMINISTRATOR).replace("{integration}", INTEGRATION)
    path.write_text(filled, encoding="utf-8")
    return path
