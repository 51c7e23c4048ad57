language = Français
other-language = English
skip = Aller au contenu
home = Manuels
help = Aide
search = Rechercher
search-label = Rechercher un manuel
search-hint = Titre, matière, éditeur ou ISBN
shelf-title = Les manuels de l’établissement
shelf-count = { $count ->
    [0] Aucun manuel pour l’instant
    [one] { $count } manuel
   *[other] { $count } manuels
}
shelf-empty = Le catalogue n’a pas encore répondu. Cette page se remplira toute seule : réessayez dans quelques minutes.
all-subjects = Toutes les matières
subjects = Matières
search-title = Recherche
search-found = { $count ->
    [0] Aucun manuel ne correspond à « { $query } ».
    [one] { $count } manuel pour « { $query } »
   *[other] { $count } manuels pour « { $query } »
}
search-advice = Vérifiez l’orthographe, essayez un seul mot du titre, ou la matière.
search-back = Voir tous les manuels
state-here = Disponible
state-coming = En cours de copie : { $percent } %
state-queued = Bientôt disponible
state-online = En ligne seulement
state-soon = À partir du { $date }
state-expired = Terminé depuis le { $date }
state-others = Réservé aux personnels
state-withdrawn = Retiré
read = Lire
download-as = Télécharger ({ $format }, { $size })
contents = Sommaire
publisher = Éditeur
book-subjects = Matières
book-levels = Niveaux
identifier = Identifiant
available-until = Disponible jusqu’au
authors = Auteurs
pages = Pages
explain-coming = La box copie ce manuel en ce moment. Revenez dans quelques minutes.
explain-queued = Ce manuel attend son tour pour être copié sur la box.
explain-online = Son éditeur ne le propose qu’en ligne : il faut Internet et votre ENT pour l’ouvrir.
explain-online-link = Ouvrir chez l’éditeur
explain-soon = L’abonnement de l’établissement commence le { $date }.
explain-expired = L’abonnement de l’établissement a pris fin le { $date }.
explain-others = L’abonnement de l’établissement ne couvre pas les élèves. La box ne sait pas encore reconnaître ses lecteurs : ce manuel se lit depuis l’ENT.
explain-withdrawn = L’établissement n’a plus d’abonnement à ce manuel.
explain-damaged = Ce paquet ne peut pas être ouvert : { $reason }. Il peut encore être téléchargé.
reader-position = { $page } / { $pages }
previous = Page précédente
next = Page suivante
back-to-book = Retour au manuel
page-frame = { $title }, page { $page }
open-alone = Ouvrir seul
pages-of = Pages
stale = Le catalogue n’a pas pu être mis à jour. Vous voyez celui du { $date } ; les manuels présents restent lisibles.
next-books = Manuels suivants
previous-books = Manuels précédents
format-epub = EPUB
format-pdf = PDF
format-web = site web
help-title = Aide
help-what-title = Qu’est-ce que Préau ?
help-what = Préau est la box de votre établissement qui garde une copie des manuels numériques. Ils se lisent sur le Wi-Fi de l’établissement, même quand Internet est coupé.
help-read-title = Lire un manuel
help-read = Choisissez un manuel, puis « Lire ». Les liens « Page suivante » et « Page précédente » tournent les pages. Le sommaire mène droit à un chapitre.
help-download-title = Télécharger un manuel
help-download = « Télécharger » enregistre le manuel sur votre appareil. Un téléchargement interrompu peut reprendre où il s’était arrêté. Un fichier EPUB s’ouvre avec une application de lecture.
help-apps-title = Depuis une application de lecture
help-apps = Ajoutez cette adresse de catalogue OPDS dans votre application :
help-missing-title = Un manuel manque ?
help-missing = La box prête les manuels auxquels l’établissement est abonné. S’il en manque un, dites-le au professeur documentaliste ou au référent numérique.
help-sources-title = Fraîcheur du catalogue
source-name = Source
source-good = Dernière réponse
source-state = État
source-never = jamais
source-fine = à jour
source-failing = ne répond pas
error-title = Page introuvable
error-text = Cette adresse ne mène à rien. Le manuel a peut-être été remplacé ou retiré.
not-lent-title = Ce manuel ne peut pas être lu
