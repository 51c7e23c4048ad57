# Les tickets : un seul lecteur, le guichet de maintenance, donc une seule langue.
ticket = Ticket { $id }
severity-notice = À savoir
severity-degraded = Dégradation
severity-outage = Panne
state-open = incident en cours
state-ended = incident terminé
state-folded = rattaché à un autre incident
state-unwatched = n’est plus surveillé

fact-link_down = L’accès à Internet par le lien { $subject } { $over ->
    [yes] a été coupé.
   *[no] est coupé.
 }
fact-link_degraded = Le lien Internet { $subject } { $over ->
    [yes] a perdu des paquets ou répondu lentement.
   *[no] perd des paquets ou répond lentement.
 }
fact-link_slow = Le lien Internet { $subject } { $over ->
    [yes] a transporté moins que le débit du contrat.
   *[no] transporte moins que le débit du contrat.
 }
fact-path_mtu = Les grands paquets { $over ->
    [yes] ne passaient pas
   *[no] ne passent pas
 } sur le lien Internet { $subject }.
fact-target_silent = Le service { $subject } { $over ->
    [yes] n’a pas répondu.
   *[no] ne répond pas.
 }
fact-names_fail = La résolution des noms (DNS) { $over ->
    [yes] a échoué.
   *[no] échoue.
 }
fact-controller_silent = Le contrôleur Wi-Fi { $subject } { $over ->
    [yes] n’a pas répondu.
   *[no] ne répond plus.
 }
fact-access_point_down = Une borne Wi-Fi { $over ->
    [yes] a été hors service.
   *[no] est hors service.
 }
fact-wing_down = Les bornes Wi-Fi de { $subject } { $over ->
    [yes] ont été hors service ensemble.
   *[no] sont hors service ensemble.
 }
fact-disk_full = Un disque de la boîte { $over ->
    [yes] a été presque plein.
   *[no] est presque plein.
 }
fact-disk_failing = Un disque de la boîte { $over ->
    [yes] s’est déclaré défaillant.
   *[no] se déclare défaillant.
 }
fact-hot = La boîte { $over ->
    [yes] a été trop chaude.
   *[no] est trop chaude.
 }
fact-clock_wrong = L’horloge de la boîte { $over ->
    [yes] n’a pas été à l’heure.
   *[no] n’est pas à l’heure.
 }
fact-certificate_ending = Un certificat de la boîte { $over ->
    [yes] approchait de sa fin.
   *[no] approche de sa fin.
 }
fact-mirror_stuck = Les manuels { $over ->
    [yes] n’arrivaient plus
   *[no] n’arrivent plus
 } sur la boîte.
fact-store_damaged = Des manuels { $over ->
    [yes] ont été abîmés
   *[no] sont abîmés
 } sur le disque de la boîte.
fact-lists_old = Les listes du filtrage { $over ->
    [yes] ont été périmées.
   *[no] sont périmées.
 }
fact-proxy_fails = Une grande part des demandes au mandataire (proxy) { $over ->
    [yes] a échoué.
   *[no] échoue.
 }
fact-update_failed = Une mise à jour de la boîte { $over ->
    [yes] a échoué.
   *[no] échoue.
 }
fact-uplink_stuck = Les mesures { $over ->
    [yes] n’arrivaient plus
   *[no] n’arrivent plus
 } à la Région.

school = Établissement
network = Réseau
since = Depuis
last-good = Dernier instant bon
ended = Fin
still-open = pas encore
lasted = durée de la panne : { $time }
returns = Reprises
returns-value = { $count ->
    [one] a repris 1 fois en moins de { $within }
   *[other] a repris { $count } fois, chaque fois en moins de { $within }
 }
rooms = Salles touchées
rooms-more = { $list } et { $more } autres
points = Bornes touchées
clients = Appareils touchés
clients-value = { $count } (connectés juste avant)
none-known = aucune connue
contact = Contact (CMIL)
contract = Contrat

seen = Ce qui a été vu
apart = Cause, et comment elle a été distinguée
apart-none = La boîte n’a pas su distinguer de cause.
tried = Ce qui a été tenté
observed = Suivre le défaut jusqu’à être sûr qu’il est réparé : { $count ->
    [one] un constat
   *[other] { $count } constats, un par seconde
 }.
effects = Conséquences, sans ticket à part ({ $count })
effects-more = et { $more } autres
around-begin = Mesures autour du début
around-end = Mesures autour de la fin
begins = début de l’incident
ends = fin de l’incident
time = Heure
measure = Mesure
no-evidence = Aucune mesure n’a été gardée autour de ce moment.
availability = Disponibilité du lien { $link } en { $month }
clock = Horloge
share = Disponible
down = Coupé
unknown = Non surveillé
clock-always = 24 h sur 24, 7 jours sur 7
clock-classes = Heures de cours
clock-boarding = Soirées de l’internat
days = Disponibilité jour par jour
promised-kept = Le contrat promet { $promised } par mois : tenu jusqu’ici (24 h sur 24).
promised-broken = Le contrat promet { $promised } par mois : pas tenu (24 h sur 24).
promised-unknown = Le contrat promet { $promised } par mois : la boîte a surveillé moins de la moitié du mois, trop peu pour en juger.
written = Établi par la boîte le { $moment }. Aucune donnée d’élève.

tried-link_down =
    Interroger chaque seconde plusieurs cibles au-delà du lien, et sa passerelle si elle est connue.
    Écouter aussi ce qui arrive du lien, pour ne pas prendre un lien chargé pour un lien coupé.
    Prêter les manuels depuis la boîte pendant la coupure : les élèves gardent leurs livres.
tried-link_degraded =
    Mesurer chaque seconde les allers-retours et les pertes vers plusieurs cibles.
tried-link_slow =
    Mesurer le débit hors des heures de cours par un téléchargement borné, et le comparer au contrat.
tried-path_mtu =
    Chercher la plus grande taille de paquet qui passe encore.
tried-target_silent =
    Interroger ce service et d’autres cibles du même lien : les autres disent si le lien est en cause.
tried-names_fail =
    Demander des noms à chaque résolveur, et continuer de donner les réponses déjà connues.
tried-controller_silent =
    Répéter chaque question SNMP deux fois, puis interroger de nouveau quelques secondes après.
    Continuer d’interroger le contrôleur à son rythme : l’incident se ferme seul à son retour.
tried-access_point_down =
    Relire la liste des bornes du contrôleur à chaque tour : l’incident se ferme seul à son retour.
tried-wing_down =
    Relire la liste des bornes du contrôleur à chaque tour : l’incident se ferme seul à leur retour.
tried-disk_full =
    Rendre la place des versions remplacées et du cache.
tried-disk_failing =
    Rien ne répare un disque à distance : il est à remplacer.
tried-hot =
    Rien ne refroidit la boîte à distance : vérifier l’aération et le ventilateur.
tried-clock_wrong =
    Attendre le serveur de temps. Rien n’est purgé du journal tant que l’heure est douteuse.
tried-certificate_ending =
    Demander un nouveau certificat, chaque jour.
tried-mirror_stuck =
    Réessayer, à intervalles croissants.
tried-store_damaged =
    Mettre de côté ce qui est abîmé, et le télécharger de nouveau.
tried-lists_old =
    Garder en vigueur les dernières listes bonnes : le filtrage continue.
tried-proxy_fails =
    Réessayer les demandes qui peuvent l’être.
tried-update_failed =
    Revenir à la version précédente, qui continue de servir.
tried-uplink_stuck =
    Garder les mesures sur le disque et les envoyer plus tard, à leur heure d’origine.

month-1 = janvier { $year }
month-2 = février { $year }
month-3 = mars { $year }
month-4 = avril { $year }
month-5 = mai { $year }
month-6 = juin { $year }
month-7 = juillet { $year }
month-8 = août { $year }
month-9 = septembre { $year }
month-10 = octobre { $year }
month-11 = novembre { $year }
month-12 = décembre { $year }
